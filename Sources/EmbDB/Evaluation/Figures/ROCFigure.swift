/// ROC curves as a picture, with a legend at the right: of one class every fold thin and the mean thick, of more classes
/// the mean of each. AUC are means over the folds ± their standard deviation.
package struct ROCFigure {
    private let classes: [ClassCurves]
    private let title: FigureTitle

    /// Classes beyond are mentioned, not drawn: nobody tells more colors apart.
    private static let most = FigureColors.curves.count
    private static let longestLabel = 40
    private static let legendSize = 12.0
    private static let legendStep = 20.0
    /// Where a mean of several folds is taken.
    private static let grid = (0...200).map { Double($0) / 200 }

    private struct LegendRow {
        var text: String
        /// nil: the row is a remark.
        var stroke: String?
        var width = 2.0
        var dashes: String?
        var whole: String?
    }

    /// A picture of curves, in the order in which they are given; those to be seen first, where there are many.
    package init(_ classes: [ClassCurves], title: String) {
        self.classes = classes
        self.title = FigureTitle(text: title)
    }

    /// The text of the SVG file.
    package var svg: String {
        let axes = UnitAxes(left: UnitAxes.margin, top: FigureTitle.height)
        let legendLeft = axes.left + UnitAxes.side + 22
        let rows = legend
        let legendWidth = 34 + TextWidth.greatest(of: rows.map(\.text), size: Self.legendSize)
        let width = max(title.width, legendLeft + legendWidth + 14)
        let height = axes.top + max(UnitAxes.side + UnitAxes.margin, Double(rows.count) * Self.legendStep + 14)
        var svg = SVG(title: title.text, width: width, height: height)
        title.draw(in: &svg, width: width)
        axes.drawGrid(in: &svg)
        axes.drawDiagonal(in: &svg)
        drawCurves(in: &svg, axes)
        axes.drawFrame(in: &svg, xTitle: "false positive rate", yTitle: "true positive rate")
        for (index, row) in rows.enumerated() {
            let y = axes.top + 12 + Double(index) * Self.legendStep
            if let stroke = row.stroke {
                svg.line(
                    from: SVG.Point(x: legendLeft, y: y), to: SVG.Point(x: legendLeft + 26, y: y), stroke: stroke,
                    width: row.width, dashes: row.dashes)
            }
            svg.text(
                row.text, at: SVG.Point(x: legendLeft + (row.stroke == nil ? 0 : 34), y: y + 4), size: Self.legendSize,
                whole: row.whole)
        }
        return svg.document
    }

    /// Those that have a curve.
    private var known: [ClassCurves] { classes.filter { $0.auc != nil } }

    private func drawCurves(in svg: inout SVG, _ axes: UnitAxes) {
        if classes.count == 1 {
            let curves = classes[0].folds.compactMap { $0 }
            if curves.count > 1 {
                for curve in curves {
                    svg.polyline(Self.places(curve, axes), stroke: FigureColors.partLine, width: 1)
                }
            }
            svg.polyline(Self.meanPlaces(classes[0], axes), stroke: FigureColors.main, width: 2.5)
        } else {
            for (curves, color) in zip(known, FigureColors.curves) {
                svg.polyline(Self.meanPlaces(curves, axes), stroke: color, width: 2)
            }
        }
    }

    private static func places(_ curve: ROCCurve, _ axes: UnitAxes) -> [SVG.Point] {
        curve.points.map { axes.place($0.falsePositiveRate, $0.truePositiveRate) }
    }

    /// One fold as it is; of more the mean, which rises from 0 to what is found without any mistake.
    private static func meanPlaces(_ curves: ClassCurves, _ axes: UnitAxes) -> [SVG.Point] {
        let defined = curves.folds.compactMap { $0 }
        if defined.count == 1 { return places(defined[0], axes) }
        return [axes.place(0, 0)] + zip(grid, curves.mean(at: grid)).map { axes.place($0, $1) }
    }

    private var legend: [LegendRow] {
        let folds = classes.map(\.folds.count).max() ?? 0
        var rows = classes.count == 1 ? Self.legend(ofOne: classes[0]) : legendOfSeveral
        rows.append(LegendRow(text: "chance", stroke: FigureColors.reference, width: 1.25, dashes: "5 4"))
        if classes.count == 1, folds > 1 {
            rows.append(
                LegendRow(
                    text: "positive class: " + TextWidth.shortened(classes[0].label, to: Self.longestLabel),
                    whole: classes[0].label))
        }
        if folds > 1 { rows.append(LegendRow(text: "AUC: mean ± sd of \(folds) folds")) }
        let undrawn = classes.count == 1 ? 0 : max(0, known.count - Self.most)
        if undrawn > 0 { rows.append(LegendRow(text: Self.classes(undrawn) + " not drawn")) }
        let undefined = classes.count - known.count
        if undefined > 0 { rows.append(LegendRow(text: Self.classes(undefined) + " without a curve")) }
        return rows
    }

    private static func legend(ofOne curves: ClassCurves) -> [LegendRow] {
        if curves.folds.count == 1 { return row(curves, color: FigureColors.main, width: 2.5) }
        guard let area = area(curves) else { return [] }
        return [
            LegendRow(text: "each fold", stroke: FigureColors.partLine, width: 1),
            LegendRow(text: "mean, " + area, stroke: FigureColors.main, width: 2.5),
        ]
    }

    private var legendOfSeveral: [LegendRow] {
        zip(known, FigureColors.curves).flatMap { Self.row($0, color: $1, width: 2) }
    }

    private static func row(_ curves: ClassCurves, color: String, width: Double) -> [LegendRow] {
        guard let area = area(curves) else { return [] }
        return [
            LegendRow(
                text: TextWidth.shortened(curves.label, to: longestLabel) + ", " + area, stroke: color, width: width,
                whole: curves.label + ", " + area)
        ]
    }

    private static func classes(_ count: Int) -> String { count == 1 ? "1 class" : "\(count) classes" }

    /// The mean area, its deviation, and the number of folds where some have no curve; nil if none has.
    private static func area(_ curves: ClassCurves) -> String? {
        guard let auc = curves.auc else { return nil }
        var text = "AUC " + SVG.number(auc.mean, decimals: 3)
        if let deviation = auc.standardDeviation { text += " ± " + SVG.number(deviation, decimals: 3) }
        if auc.folds < curves.folds.count { text += " (\(auc.folds) of \(curves.folds.count) folds)" }
        return text
    }
}
