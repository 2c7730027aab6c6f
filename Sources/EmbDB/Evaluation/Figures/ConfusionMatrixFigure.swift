/// A confusion matrix as a picture: a row a true class, a column a predicted one, the count in each cell, the color its
/// share of the row, so that the diagonal shows the recall.
package struct ConfusionMatrixFigure {
    private let matrix: ConfusionMatrix
    private let title: FigureTitle
    /// Names of classes, shortened where they are very long.
    private let names: [String]
    /// The same with the number of examples.
    private let rowLabels: [String]
    private let cell: Double
    private let countSize: Double
    /// What labels and title of the rows need.
    private let rowRoom: Double
    /// Whether the names of the columns are wider than these, and are turned by 45°.
    private let isSlanted: Bool

    private static let labelSize = 12.0
    private static let longestName = 44
    /// What the axis title needs beside the labels.
    private static let axisTitle = 30.0
    private static let margin = 14.0
    /// The scale of colors, with what is written at it.
    private static let scaleRoom = 108.0
    /// Sine and cosine of 45°.
    private static let slant = 0.5.squareRoot()

    /// A picture of counts; of as many classes as there are, though beyond some forty it is larger than a screen.
    package init(_ matrix: ConfusionMatrix, title: String) {
        let names = matrix.classes.map { TextWidth.shortened($0, to: Self.longestName) }
        let rowLabels = names.enumerated().map { "\($1) (n = \(matrix.trueCount(of: $0)))" }
        let widest = TextWidth.greatest(of: matrix.counts.joined().map(String.init), size: 1)
        // As large as is pleasant for few classes, as small as can be read for many.
        let cell = max(min(72, max(26, 560 / Double(names.count))), widest * 9 + 6)
        let isSlanted = TextWidth.greatest(of: names, size: Self.labelSize) > cell - 6
        // Slanted names reach to the left of their columns.
        let overhang = names.enumerated().map { index, name in
            isSlanted ? TextWidth.of(name, size: Self.labelSize) * Self.slant - (Double(index) + 0.5) * cell : 0
        }
        let labels = Self.axisTitle + TextWidth.greatest(of: rowLabels, size: Self.labelSize) + 8
        self.matrix = matrix
        self.title = FigureTitle(text: title)
        self.names = names
        self.rowLabels = rowLabels
        self.cell = cell
        self.isSlanted = isSlanted
        countSize = min(14, (cell - 6) / max(1.8, widest))
        rowRoom = Self.margin + max(labels, overhang.max() ?? 0)
    }

    /// The text of the SVG file.
    package var svg: String {
        let side = cell * Double(names.count)
        let needed = rowRoom + side + Self.scaleRoom
        let width = max(title.width, needed)
        // In the middle below a title that is wider.
        let corner = SVG.Point(x: (width - needed) / 2 + rowRoom, y: FigureTitle.height)
        let nameDepth = isSlanted ? TextWidth.greatest(of: names, size: Self.labelSize) * Self.slant : 0
        let bottom = corner.y + side + 12 + nameDepth + Self.labelSize
        var svg = SVG(title: title.text, width: width, height: bottom + Self.axisTitle)
        title.draw(in: &svg, width: width)
        drawCells(in: &svg, corner)
        drawLabels(in: &svg, corner)
        svg.text(
            "true", at: SVG.Point(x: corner.x - rowRoom + Self.margin + 14, y: corner.y + side / 2), size: 14,
            anchor: .middle, turned: -90)
        svg.text("predicted", at: SVG.Point(x: corner.x + side / 2, y: bottom + 14), size: 14, anchor: .middle)
        drawScale(in: &svg, x: corner.x + side + 20, top: corner.y, height: min(side, 200))
        return svg.document
    }

    private func drawCells(in svg: inout SVG, _ corner: SVG.Point) {
        for (row, counts) in matrix.counts.enumerated() {
            let total = matrix.trueCount(of: row)
            for (column, count) in counts.enumerated() {
                let (x, y) = (corner.x + Double(column) * cell, corner.y + Double(row) * cell)
                // A class without an example has no shares: gray, which the scale has not.
                let color =
                    total == 0
                    ? (fill: FigureColors.faint, ink: FigureColors.reference)
                    : FigureColors.sequential(Double(count) / Double(total))
                svg.rect(x: x, y: y, width: cell, height: cell, fill: color.fill, stroke: "#ffffff")
                svg.text(
                    String(count), at: SVG.Point(x: x + cell / 2, y: y + cell / 2 + 0.36 * countSize), size: countSize,
                    anchor: .middle, fill: count == 0 ? FigureColors.reference : color.ink)
            }
        }
        let side = cell * Double(names.count)
        svg.rect(x: corner.x, y: corner.y, width: side, height: side, fill: "none", stroke: FigureColors.axis)
    }

    private func drawLabels(in svg: inout SVG, _ corner: SVG.Point) {
        let below = corner.y + cell * Double(names.count)
        for (index, name) in names.enumerated() {
            let middle = (Double(index) + 0.5) * cell
            let whole = name == matrix.classes[index] ? nil : matrix.classes[index]
            svg.text(
                rowLabels[index], at: SVG.Point(x: corner.x - 8, y: corner.y + middle + 0.36 * Self.labelSize),
                size: Self.labelSize, anchor: .end, whole: whole)
            if isSlanted {
                svg.text(
                    name, at: SVG.Point(x: corner.x + middle + 0.36 * Self.labelSize, y: below + 14),
                    size: Self.labelSize, anchor: .end, turned: -45, whole: whole)
            } else {
                svg.text(
                    name, at: SVG.Point(x: corner.x + middle, y: below + 18), size: Self.labelSize, anchor: .middle)
            }
        }
    }

    private func drawScale(in svg: inout SVG, x: Double, top: Double, height: Double) {
        let steps = 50
        for step in 0..<steps {
            // Each reaches below the next, so that no gap shows between them.
            let y = top + height * Double(step) / Double(steps)
            svg.rect(
                x: x, y: y, width: 14, height: top + height - y,
                fill: FigureColors.sequential(1 - (Double(step) + 0.5) / Double(steps)).fill)
        }
        svg.rect(x: x, y: top, width: 14, height: height, fill: "none", stroke: FigureColors.axis)
        for share in [0, 0.5, 1] {
            let y = top + (1 - share) * height
            svg.line(from: SVG.Point(x: x + 14, y: y), to: SVG.Point(x: x + 18, y: y), stroke: FigureColors.axis)
            svg.text(
                SVG.number(share, decimals: 1), at: SVG.Point(x: x + 22, y: y + 4), size: 11, fill: FigureColors.axis)
        }
        svg.text(
            "share of the true class", at: SVG.Point(x: x + 58, y: top + height / 2), size: 12, anchor: .middle,
            turned: 90)
    }
}
