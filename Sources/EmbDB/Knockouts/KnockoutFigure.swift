/// The ranked genes from the top: a dot at each score, filled if every deletion was measured, and a line as long as its interval.
package struct KnockoutFigure {
    private let genes: [KnockoutRanking.Gene]
    private let title = FigureTitle(text: "Which perturbations move the cells towards the goal")
    private let states: [(text: String, whole: String)]
    private let isSupported: Bool?

    /// More are no picture.
    private static let most = 60
    private static let rowHeight = 18.0
    private static let plotWidth = 460.0

    /// The best of some genes.
    ///
    /// - Parameters:
    ///   - from: the start cells, as they were selected.
    ///   - to: the goal cells.
    package init(_ ranking: KnockoutRanking, genes: [KnockoutRanking.Gene], from: String, to: String) {
        self.genes = Array(genes.prefix(Self.most))
        states = [("from: ", from), ("to: ", to)].map { (TextWidth.shortened($0 + $1, to: 86), $0 + $1) }
        isSupported = ranking.reliability.isSupported
    }

    /// The text of the SVG file.
    package var svg: String {
        let names = genes.map { TextWidth.shortened($0.gene, to: 24) }
        let counts = genes.map { String($0.cells) }
        let labels = TextWidth.greatest(of: names, size: 12) + 24
        let right = TextWidth.greatest(of: counts + ["cells"], size: 12) + 28
        let texts = TextWidth.greatest(of: states.map(\.text), size: 12) + 24
        let width = max(title.width, texts, labels + Self.plotWidth + right)
        let left = labels + (width - labels - Self.plotWidth - right) / 2
        let top = FigureTitle.height + 48 + (isSupported == false ? 22 : 0)
        let height = Double(max(1, genes.count)) * Self.rowHeight
        var svg = SVG(title: title.text, width: width, height: top + height + 84)
        title.draw(in: &svg, width: width)
        for (line, state) in states.enumerated() {
            svg.text(
                state.text, at: .init(x: width / 2, y: FigureTitle.height + 2 + 17 * Double(line)), anchor: .middle,
                fill: FigureColors.axis, whole: state.whole)
        }
        if isSupported == false {
            svg.text(
                "These cells support no gene ranking for this pair of states.",
                at: SVG.Point(x: width / 2, y: FigureTitle.height + 40), size: 13, anchor: .middle, fill: "#882255")
        }
        let scale = Scale(genes, left: left, width: Self.plotWidth)
        for tick in scale.ticks {
            let x = scale.place(tick)
            svg.line(
                from: .init(x: x, y: top), to: .init(x: x, y: top + height),
                stroke: tick == 0 ? FigureColors.reference : FigureColors.faint, width: tick == 0 ? 1.25 : 1)
            svg.text(
                scale.label(tick), at: .init(x: x, y: top + height + 18), size: 11, anchor: .middle,
                fill: FigureColors.axis)
        }
        svg.text(
            "cells", at: .init(x: left + Self.plotWidth + 12, y: top - 6), size: 11, fill: FigureColors.axis)
        for (row, gene) in genes.enumerated() {
            let y = top + (Double(row) + 0.5) * Self.rowHeight
            if let interval = gene.interval {
                svg.line(
                    from: .init(x: scale.place(interval.low), y: y), to: .init(x: scale.place(interval.high), y: y),
                    stroke: FigureColors.partLine, width: 2)
            }
            svg.circle(
                .init(x: scale.place(gene.score), y: y), radius: 4, fill: gene.exact ? FigureColors.main : "#ffffff",
                stroke: FigureColors.main)
            svg.text(names[row], at: .init(x: left - 10, y: y + 4), anchor: .end, whole: gene.gene)
            svg.text(counts[row], at: .init(x: left + Self.plotWidth + 12, y: y + 4), fill: FigureColors.axis)
        }
        svg.rect(
            x: left, y: top, width: Self.plotWidth, height: height, fill: "none", stroke: FigureColors.axis)
        svg.text(
            "score (towards the goal →), with 95 % interval",
            at: .init(x: left + Self.plotWidth / 2, y: top + height + 42),
            size: 14, anchor: .middle)
        svg.text(
            "filled: every perturbation measured; open: some estimated",
            at: .init(x: left + Self.plotWidth / 2, y: top + height + 64), size: 11, anchor: .middle,
            fill: FigureColors.axis)
        return svg.document
    }

    /// Scores on a line of pixels.
    private struct Scale {
        let ticks: [Double]
        private let low: Double
        private let span: Double
        private let left: Double
        private let width: Double
        /// Numbers are given in units of this power of ten.
        private let step: Double

        init(_ genes: [KnockoutRanking.Gene], left: Double, width: Double) {
            self.left = left
            self.width = width
            var values = genes.flatMap { [$0.score, $0.interval?.low ?? $0.score, $0.interval?.high ?? $0.score, 0] }
                .filter(\.isFinite)
            if values.isEmpty || values.allSatisfy({ $0 == 0 }) { values = [-1, 1] }
            let (least, most) = (values.min() ?? -1, values.max() ?? 1)
            let margin = 0.04 * (most - least)
            (low, span) = (least - margin, most - least + 2 * margin)
            step = Self.roundStep(span / 5)
            let first = (low / step).rounded(.up)
            let last = ((low + span) / step).rounded(.down)
            let step = step
            ticks = (0...Int(max(0, last - first))).map { (first + Double($0)) * step }
        }

        /// 1, 2 or 5 times a power of ten, at least as long.
        private static func roundStep(_ length: Double) -> Double {
            var power = 1.0
            while power > length { power /= 10 }
            while power * 10 <= length { power *= 10 }
            return [1, 2, 5, 10].map { $0 * power }.first { $0 >= length } ?? length
        }

        func place(_ score: Double) -> Double { left + min(max((score - low) / span, 0), 1) * width }

        /// As many digits as the step has, at most four decimals; then as a power of ten.
        func label(_ tick: Double) -> String {
            let count = (tick / step).rounded()
            if count == 0 { return "0" }
            if step >= 0.0001, step < 1000 {
                let decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : step >= 0.001 ? 3 : 4
                return SVG.number(tick, decimals: decimals)
            }
            var (digits, exponent) = (tick, 0)
            while digits.magnitude < 0.9999999 { (digits, exponent) = (digits * 10, exponent - 1) }
            while digits.magnitude > 9.9999999 { (digits, exponent) = (digits / 10, exponent + 1) }
            return SVG.number(digits, decimals: (digits.rounded() - digits).magnitude < 1e-6 ? 0 : 1) + "e\(exponent)"
        }
    }
}
