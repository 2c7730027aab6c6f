import EmbDB
import Foundation
import TestSupport
import Testing

@Suite("figures of an evaluation")
struct FigureTests {
    /// Predictions that are right more often than not; class c has the more examples, the smaller c is.
    static func predictions(_ classes: [String], examples: Int, seed: UInt64) throws -> ClassifierPredictions {
        var random = SplitMix64(state: seed)
        var probabilities: [Float] = []
        var truth: [Int] = []
        for _ in 0..<examples {
            let label = Int(random.uniform() * random.uniform() * Double(classes.count))
            var weights = classes.indices.map { _ in random.uniform() * random.uniform() }
            weights[label] += random.uniform()
            let sum = weights.reduce(0, +)
            truth.append(label)
            probabilities += weights.map { Float($0 / sum) }
        }
        return try ClassifierPredictions(truth: truth, probabilities: probabilities, classes: classes)
    }

    /// Names as people give them, and as nobody should.
    static let awkward = [
        "CD4+ T <naïve> & \"resting\"", "it's\ta \u{1}\ncell", "细胞类型的一个很长的名字",
        "central memory CD8-positive, alpha-beta T cell of the lamina propria, activated, of donors above sixty",
    ]

    static func folds(_ classes: [String], count: Int = 3, examples: Int = 300) throws -> [ClassifierPredictions] {
        try (0..<count).map { try predictions(classes, examples: examples, seed: UInt64($0) + 5) }
    }

    /// All figures of some folds.
    static func figures(_ folds: [ClassifierPredictions], title: String) throws -> [String] {
        let summary = try #require(FoldSummary(folds.map(ClassifierScores.init)))
        return [
            ConfusionMatrixFigure(summary.confusion, title: title).svg,
            ROCFigure(ClassCurves.of(folds), title: title).svg,
            CalibrationFigure(Calibration(folds[0]), title: title).svg,
        ]
    }

    static let classNumbers = [2, 4, 11, 40]

    private static func names(_ count: Int) -> [String] {
        (0..<count).map { $0 < awkward.count ? awkward[$0] : "type \($0) " + String(repeating: "W", count: $0) }
    }

    @Test("XML of balanced tags and escaped text; the same bytes again", arguments: classNumbers)
    func wellFormed(classes: Int) throws {
        let folds = try Self.folds(Self.names(classes))
        let title = "Fold <1> & \"2\"\u{0}"
        let figures = try Self.figures(folds, title: title)
        #expect(figures == (try Self.figures(folds, title: title)))
        for figure in figures {
            let markup = try Markup(figure)
            #expect(markup.texts.contains("Fold <1> & \"2\"\u{FFFD}"))
        }
        let texts = try Markup(figures[0]).texts
        #expect(texts.contains(Self.awkward[0]) && texts.contains("it's a \u{FFFD} cell"))
    }

    @Test("nothing runs out of the picture, however long names and title are", arguments: classNumbers)
    func bounds(classes: Int) throws {
        let title = String(repeating: "A long title of a figure, ", count: 8)
        for figure in try Self.figures(Self.folds(Self.names(classes)), title: title) {
            let markup = try Markup(figure)
            let width = try #require(markup.elements[0].number("width"))
            let height = try #require(markup.elements[0].number("height"))
            for text in markup.all("text") {
                let (x, y) = (try #require(text.number("x")), try #require(text.number("y")))
                // As a plain estimate has it: 0.54 of the size a character, nearly twice for a Chinese one.
                let characters = text.text.reduce(0.0) { $0 + ($1 > "\u{2E80}" ? 1.7 : 1) }
                let length = 0.54 * characters * (try #require(text.number("font-size")))
                let before: [String: Double] = ["start": 0, "middle": 0.5, "end": 1]
                let begin = -length * (try #require(before[text.attributes["text-anchor"] ?? "start"]))
                let turn = text.attributes["transform"]?.dropFirst("rotate(".count).prefix { $0 != " " } ?? "0"
                let directions: [Double: (Double, Double)] = [
                    0: (1, 0), 90: (0, 1), -90: (0, -1), -45: (0.7071, -0.7071),
                ]
                let (cosine, sine) = try #require(Double(turn).flatMap { directions[$0] })
                for along in [begin, begin + length] {
                    #expect((0...width).contains(x + along * cosine), "\(text.text)")
                    #expect((0...height).contains(y + along * sine), "\(text.text)")
                }
            }
            for rect in markup.all("rect") {
                let (x, y) = (try #require(rect.number("x")), try #require(rect.number("y")))
                #expect(x >= 0 && x + (rect.number("width") ?? .infinity) <= width)
                #expect(y >= 0 && y + (rect.number("height") ?? .infinity) <= height)
            }
        }
    }

    @Test("a confusion matrix: counts in cells, recall as color, ink that can be read")
    func confusion() throws {
        var counts = (0..<21).map { row in (0..<21).map { $0 == 0 ? 5 * row : $0 == 1 ? 100 - 5 * row : 0 } }
        counts.append(Array(repeating: 0, count: 22))
        for row in 0..<21 { counts[row].append(0) }
        let matrix = ConfusionMatrix(classes: (0..<22).map { "c\($0)" }, counts: counts)
        let markup = try Markup(ConfusionMatrixFigure(matrix, title: "t").svg)
        // A cell is a square and the count after it.
        let cells = zip(markup.elements, markup.elements.dropFirst()).filter {
            $0.name == "rect" && $0.attributes["stroke"] == "#ffffff" && $1.name == "text"
        }
        #expect(cells.map(\.1.text) == counts.joined().map(String.init))
        func cell(_ row: Int, _ column: Int) -> (fill: String, ink: String) {
            let (rect, text) = cells[row * 22 + column]
            return (rect.attributes["fill"] ?? "", text.attributes["fill"] ?? "")
        }
        #expect(cell(0, 1) == ("#08306b", "#ffffff") && cell(20, 0) == ("#08306b", "#ffffff"))
        #expect(cell(0, 0).fill == "#f7fbff" && cell(10, 0) == cell(10, 1))
        // Without an example there is no share.
        #expect(cell(21, 21).fill == "#e4e4e4")
        for row in 1..<20 {
            let (fill, ink) = cell(row, 0)
            #expect(Self.contrast(fill, ink) > 4.3, "\(row): \(fill) \(ink)")
            #expect(Self.luminance(fill) < Self.luminance(cell(row - 1, 0).fill))
        }
        #expect(markup.texts.contains("c3 (n = 100)") && markup.texts.contains("c21 (n = 0)"))
        #expect(markup.texts.contains("true") && markup.texts.contains("predicted"))
    }

    /// WCAG 2: relative luminance.
    private static func luminance(_ color: String) -> Double {
        let value = Int(color.dropFirst(), radix: 16) ?? 0
        let bytes: [Int] = [value >> 16, value >> 8 & 255, value & 255]
        let parts = bytes.map { byte -> Double in
            let part = Double(byte) / 255
            return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }

    private static func contrast(_ a: String, _ b: String) -> Double {
        let (x, y) = (luminance(a), luminance(b))
        return (max(x, y) + 0.05) / (min(x, y) + 0.05)
    }

    @Test("one class: every fold thin, the mean thick, its area in the legend")
    func foldCurves() throws {
        let curves = ClassCurves.of(try Self.folds(["healthy", "sick"], count: 5))
        let markup = try Markup(ROCFigure(curves, title: "t").svg)
        let lines = markup.all("polyline")
        // With one of each in the legend.
        #expect(lines.count { $0.number("stroke-width") == 1 && $0.attributes["stroke"] == "#6baed6" } == 5 + 1)
        #expect(lines.count { $0.number("stroke-width") == 2.5 } == 1 + 1)
        #expect(lines.count { $0.attributes["stroke-dasharray"] != nil } == 1 + 1)
        let auc = try #require(curves[0].auc)
        let deviation = SVG.number(try #require(auc.standardDeviation), decimals: 3)
        #expect(markup.texts.contains("mean, AUC \(SVG.number(auc.mean, decimals: 3)) ± \(deviation)"))
        #expect(markup.texts.contains("each fold") && markup.texts.contains("positive class: sick"))
        let one = ClassCurves.of(try Self.folds(["healthy", "sick"], count: 1))
        let single = try Markup(ROCFigure(one, title: "").svg)
        #expect(single.texts.contains { $0.hasPrefix("sick, AUC 0.") && !$0.contains("±") })
        #expect(single.all("polyline").count { $0.attributes["stroke"] == "#6baed6" } == 0)
    }

    @Test("more classes: eight curves in eight colors, the rest is mentioned")
    func manyCurves() throws {
        let names = (0..<11).map { "type \($0)" }
        var folds = try Self.folds(names, count: 2)
        // Without an example of the last class, and without one of the first in the first fold.
        let truth = folds.enumerated().map { fold, predictions in
            predictions.truth.map { min(max($0, fold == 0 ? 1 : 0), 9) }
        }
        folds = try zip(folds, truth).map {
            try ClassifierPredictions(truth: $1, probabilities: $0.probabilities, classes: names)
        }
        let markup = try Markup(ROCFigure(ClassCurves.of(folds), title: "t").svg)
        let thick = markup.all("polyline").filter { $0.number("stroke-width") == 2 }
        #expect(thick.count == 16 && Set(thick.compactMap { $0.attributes["stroke"] }).count == 8)
        #expect(markup.texts.count { $0.contains(", AUC 0.") } == 8)
        #expect(markup.texts.count { $0.hasPrefix("type 0, AUC 0.") && $0.hasSuffix(" (1 of 2 folds)") } == 1)
        #expect(markup.texts.contains("2 classes not drawn") && markup.texts.contains("1 class without a curve"))
        #expect(markup.texts.contains("AUC: mean ± sd of 2 folds"))
    }

    @Test("a reliability diagram: a point for each bin with examples, the errors, the counts")
    func calibration() throws {
        let calibration = Calibration(try Self.predictions(["A", "B"], examples: 400, seed: 1))
        let markup = try Markup(CalibrationFigure(calibration, title: "t").svg)
        let filled = calibration.bins.count { $0.count > 0 }
        #expect(filled > 3 && filled < 10)
        #expect(markup.all("circle").count == filled)
        #expect(markup.all("rect").count { $0.attributes["fill"] == "#9ecae1" } == filled)
        #expect(markup.texts.contains("ECE " + SVG.number(calibration.expectedError, decimals: 3)))
        #expect(markup.texts.contains("MCE " + SVG.number(calibration.maximumError, decimals: 3)))
        for bin in calibration.bins { #expect(markup.texts.contains(String(bin.count))) }
    }

    @Test("numbers have fixed decimals and no sign at zero")
    func numbers() {
        #expect(SVG.number(1.005) == "1.00" && SVG.number(1.0051) == "1.01" && SVG.number(-2.5) == "-2.50")
        #expect(SVG.number(-0.001) == "0.00" && SVG.number(0.996) == "1.00" && SVG.number(9.06) == "9.06")
        #expect(SVG.number(12.5, decimals: 0) == "13" && SVG.number(0.1, decimals: 3) == "0.100")
    }

    @Test("a curve is drawn with the points that can be seen")
    func thinning() throws {
        var svg = SVG(title: "", width: 10, height: 10)
        svg.polyline(
            [(0, 0), (0, 1), (0, 2), (1, 2), (1.2, 2.2), (2, 2), (3, 2.5), (3.1, 2.5)].map { SVG.Point(x: $0, y: $1) },
            stroke: "#000000", width: 1)
        let points = try Markup(svg.document).all("polyline").map { $0.attributes["points"] ?? "" }
        #expect(points == ["0.00,0.00 0.00,2.00 2.00,2.00 3.00,2.50 3.10,2.50"])
        let folds = try Self.folds(["A", "B"], count: 1, examples: 20_000)
        let curves = ClassCurves.of(folds)
        #expect((curves[0].folds[0]?.points.count ?? 0) > 15_000)
        #expect(ROCFigure(curves, title: "").svg.utf8.count < 50_000)
    }
}
