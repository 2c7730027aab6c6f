/// A picture in the making, as the text of an SVG 1.1 file: white, lengths in pixels from the upper left corner, all text
/// sans-serif. The same calls give the same bytes.
package struct SVG {
    /// A place in the picture.
    package struct Point: Sendable, Equatable {
        /// From the left.
        package let x: Double
        /// From the top.
        package let y: Double

        /// A place, in pixels.
        package init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// Which part of a text is at its place.
    package enum Anchor: String {
        case start, middle, end
    }

    private let title: String
    private let width: Double
    private let height: Double
    private var elements = ""

    /// A white picture. `title` is what a browser shows of it where no element says more.
    package init(title: String, width: Double, height: Double) {
        self.title = title
        // Whole pixels: a picture is not blurred where it is shown in its own size.
        self.width = width.rounded(.up)
        self.height = height.rounded(.up)
        rect(x: 0, y: 0, width: self.width, height: self.height, fill: "#ffffff")
    }

    /// A rectangle by its upper left corner.
    package mutating func rect(
        x: Double, y: Double, width: Double, height: Double, fill: String, stroke: String? = nil
    ) {
        add("rect", [("x", x), ("y", y), ("width", width), ("height", height)], fill: fill, stroke: stroke)
    }

    /// A straight line; `dashes` as `stroke-dasharray` has them.
    package mutating func line(
        from start: Point, to end: Point, stroke: String, width: Double = 1, dashes: String? = nil
    ) {
        polyline([start, end], stroke: stroke, width: width, dashes: dashes)
    }

    /// A filled circle.
    package mutating func circle(_ center: Point, radius: Double, fill: String, stroke: String? = nil) {
        add("circle", [("cx", center.x), ("cy", center.y), ("r", radius)], fill: fill, stroke: stroke)
    }

    /// A line through points, one that does not turn back on itself. Points that nobody can see are left out: those
    /// within a quarter of a pixel of the one before, and those within a level or upright part of the line. So the curve
    /// of a million examples is a small file.
    package mutating func polyline(_ points: [Point], stroke: String, width: Double, dashes: String? = nil) {
        var seen: [Point] = []
        for (index, point) in points.enumerated() {
            if let last = seen.last, index < points.count - 1,
                max((point.x - last.x).magnitude, (point.y - last.y).magnitude) < 0.25
            {
                continue
            }
            if seen.count > 1 {
                let (before, last) = (seen[seen.count - 2], seen[seen.count - 1])
                if before.x == last.x && last.x == point.x || before.y == last.y && last.y == point.y {
                    seen.removeLast()
                }
            }
            seen.append(point)
        }
        let places = seen.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        elements += "<polyline points=\"\(places)\" fill=\"none\""
        elements += " stroke=\"\(stroke)\" stroke-width=\"\(Self.number(width))\" stroke-linejoin=\"round\""
        if let dashes { elements += " stroke-dasharray=\"\(dashes)\"" }
        elements += "/>\n"
    }

    /// A line of text whose baseline is at the place.
    ///
    /// - Parameters:
    ///   - degrees: how far it is turned around its place, clockwise.
    ///   - whole: what a browser shows of a text that was shortened.
    package mutating func text(
        _ text: String, at place: Point, size: Double = 12, anchor: Anchor = .start, fill: String = "#000000",
        isBold: Bool = false, turned degrees: Double = 0, whole: String? = nil
    ) {
        let (x, y) = (Self.number(place.x), Self.number(place.y))
        elements += "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(Self.number(size))\" fill=\"\(fill)\""
        if anchor != .start { elements += " text-anchor=\"\(anchor.rawValue)\"" }
        if isBold { elements += " font-weight=\"bold\"" }
        if degrees != 0 { elements += " transform=\"rotate(\(Self.number(degrees)) \(x) \(y))\"" }
        elements += ">\(Self.escaped(text))"
        if let whole, whole != text { elements += "<title>\(Self.escaped(whole))</title>" }
        elements += "</text>\n"
    }

    /// The whole file.
    package var document: String {
        let (width, height) = (Self.number(width, decimals: 0), Self.number(height, decimals: 0))
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" font-family="sans-serif">
            <title>\(Self.escaped(title))</title>
            \(elements)</svg>

            """
    }

    private mutating func add(_ name: String, _ lengths: [(String, Double)], fill: String, stroke: String?) {
        let attributes = lengths.map { "\($0)=\"\(Self.number($1))\"" }.joined(separator: " ")
        elements += "<\(name) \(attributes) fill=\"\(fill)\"\(stroke.map { " stroke=\"\($0)\"" } ?? "")/>\n"
    }

    // MARK: Text

    /// The number with so many decimals, as no language writes it otherwise; what rounds to nothing has no sign.
    package static func number(_ value: Double, decimals: Int = 2) -> String {
        precondition(value.isFinite && value.magnitude < 1e9, "a length in pixels, or a share")
        let unit = (0..<decimals).reduce(1) { unit, _ in unit * 10 }
        let steps = Int((value.magnitude * Double(unit)).rounded())
        let whole = (value < 0 && steps > 0 ? "-" : "") + String(steps / unit)
        if decimals == 0 { return whole }
        let digits = String(steps % unit)
        return whole + "." + String(repeating: "0", count: decimals - digits.count) + digits
    }

    /// Text as XML 1.0 may hold it: markup escaped, line ends and tabs as spaces, and other characters that XML has not
    /// as U+FFFD.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result += " "
            case _ where scalar.value < 0x20 || scalar.value & 0xFFFE == 0xFFFE: result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
