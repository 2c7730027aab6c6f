/// The line above a figure.
struct FigureTitle {
    private static let size = 16.0
    /// What the title needs above the rest of the figure.
    static let height = 46.0

    let text: String

    /// The width that the title needs, margins included.
    var width: Double { TextWidth.of(shown, size: Self.size) * 1.1 + 24 }

    private var shown: String { TextWidth.shortened(text, to: 90) }

    /// Draws it in the middle of a width.
    func draw(in svg: inout SVG, width: Double) {
        svg.text(
            shown, at: SVG.Point(x: width / 2, y: 28), size: Self.size, anchor: .middle, isBold: true, whole: text)
    }
}
