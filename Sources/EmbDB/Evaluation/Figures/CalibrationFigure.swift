/// A reliability diagram: for each bin of confidence, a bar as high as its accuracy and a point at its mean confidence. A
/// calibrated classifier has all points on the diagonal.
package struct CalibrationFigure {
    private let calibration: Calibration
    private let title: FigureTitle

    /// A picture of bins.
    package init(_ calibration: Calibration, title: String) {
        self.calibration = calibration
        self.title = FigureTitle(text: title)
    }

    /// The text of the SVG file.
    package var svg: String {
        let countsRoom = 24.0
        let plot = UnitAxes.margin + UnitAxes.side + 24
        let width = max(title.width, plot)
        let axes = UnitAxes(left: (width - plot) / 2 + UnitAxes.margin, top: FigureTitle.height + countsRoom)
        var svg = SVG(title: title.text, width: width, height: axes.top + UnitAxes.side + UnitAxes.margin)
        title.draw(in: &svg, width: width)
        axes.drawGrid(in: &svg)
        drawCounts(in: &svg, axes)
        for bin in calibration.bins {
            guard let accuracy = bin.accuracy else { continue }
            let (corner, end) = (axes.place(bin.lower, accuracy), axes.place(bin.upper, 0))
            svg.rect(
                x: corner.x, y: corner.y, width: end.x - corner.x, height: end.y - corner.y,
                fill: FigureColors.partArea, stroke: "#ffffff")
        }
        axes.drawDiagonal(in: &svg)
        for bin in calibration.bins {
            guard let accuracy = bin.accuracy, let confidence = bin.meanConfidence else { continue }
            svg.circle(axes.place(confidence, accuracy), radius: 4, fill: FigureColors.main, stroke: "#ffffff")
        }
        drawErrors(in: &svg, axes)
        axes.drawFrame(in: &svg, xTitle: "confidence", yTitle: "accuracy")
        return svg.document
    }

    /// Number of examples above each bin.
    private func drawCounts(in svg: inout SVG, _ axes: UnitAxes) {
        let counts = calibration.bins.map { String($0.count) }
        let widest = TextWidth.greatest(of: counts, size: 1)
        let size = min(11, (UnitAxes.side / Double(counts.count) - 4) / max(1, widest))
        svg.text(
            "n", at: SVG.Point(x: axes.left - 9, y: axes.top - 8), size: 11, anchor: .end, fill: FigureColors.axis)
        for (bin, count) in zip(calibration.bins, counts) {
            let middle = axes.place((bin.lower + bin.upper) / 2, 1)
            svg.text(
                count, at: SVG.Point(x: middle.x, y: middle.y - 8), size: size, anchor: .middle,
                fill: FigureColors.axis)
        }
    }

    private func drawErrors(in svg: inout SVG, _ axes: UnitAxes) {
        let lines = [("ECE", calibration.expectedError), ("MCE", calibration.maximumError)].map {
            "\($0) \(SVG.number($1, decimals: 3))"
        }
        let width = TextWidth.greatest(of: lines, size: 13) + 16
        // No bar reaches there unless an unsure classifier is always right; white keeps it readable even then.
        svg.rect(
            x: axes.left + 10, y: axes.top + 10, width: width, height: 44, fill: "#ffffff", stroke: FigureColors.faint)
        for (index, line) in lines.enumerated() {
            svg.text(line, at: SVG.Point(x: axes.left + 18, y: axes.top + 28 + Double(index) * 18), size: 13)
        }
    }
}
