/// A square of two axes from 0 to 1, with ticks and titles.
struct UnitAxes {
    /// Side of the square, in pixels.
    static let side = 400.0
    /// What ticks and titles need at the left of the square and below it.
    static let margin = 62.0

    /// The upper left corner.
    let left: Double
    let top: Double

    /// The place of a pair of shares, the second one upwards.
    func place(_ x: Double, _ y: Double) -> SVG.Point {
        SVG.Point(x: left + x * Self.side, y: top + (1 - y) * Self.side)
    }

    /// Grid lines, for below what the figure shows.
    func drawGrid(in svg: inout SVG) {
        for tick in 1..<5 {
            let share = Double(tick) / 5
            svg.line(from: place(share, 0), to: place(share, 1), stroke: FigureColors.faint)
            svg.line(from: place(0, share), to: place(1, share), stroke: FigureColors.faint)
        }
    }

    /// The dashed line on which both shares are equal.
    func drawDiagonal(in svg: inout SVG) {
        svg.line(from: place(0, 0), to: place(1, 1), stroke: FigureColors.reference, width: 1.25, dashes: "5 4")
    }

    /// The frame, ticks with numbers, and the titles of the axes.
    func drawFrame(in svg: inout SVG, xTitle: String, yTitle: String) {
        svg.rect(x: left, y: top, width: Self.side, height: Self.side, fill: "none", stroke: FigureColors.axis)
        for tick in 0...5 {
            let share = Double(tick) / 5
            let label = SVG.number(share, decimals: 1)
            let (below, beside) = (place(share, 0), place(0, share))
            svg.line(from: below, to: SVG.Point(x: below.x, y: below.y + 5), stroke: FigureColors.axis)
            svg.text(
                label, at: SVG.Point(x: below.x, y: below.y + 19), anchor: .middle, fill: FigureColors.axis)
            svg.line(from: SVG.Point(x: beside.x - 5, y: beside.y), to: beside, stroke: FigureColors.axis)
            svg.text(
                label, at: SVG.Point(x: beside.x - 9, y: beside.y + 4), anchor: .end, fill: FigureColors.axis)
        }
        svg.text(xTitle, at: SVG.Point(x: left + Self.side / 2, y: top + Self.side + 44), size: 14, anchor: .middle)
        svg.text(
            yTitle, at: SVG.Point(x: left - 44, y: top + Self.side / 2), size: 14, anchor: .middle, turned: -90)
    }
}
