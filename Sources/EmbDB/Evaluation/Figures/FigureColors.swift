/// The colors of figures, as SVG writes them (`#rrggbb`).
enum FigureColors {
    /// Axes, ticks and the text at them.
    static let axis = "#333333"
    /// What is there to be compared with.
    static let reference = "#8a8a8a"
    /// What is there if one looks for it.
    static let faint = "#e4e4e4"
    /// The one thing that a figure shows.
    static let main = "#08519c"
    /// The parts that the one thing is made of, as lines and as areas.
    static let partLine = "#6baed6"
    static let partArea = "#9ecae1"

    /// Colors for curves in one figure, told apart also by people who do not see all colors: the scheme "muted" of Paul
    /// Tol, "Colour schemes" (SRON/EPS/TN/09-002, 2021), without its palest one.
    static let curves = ["#332288", "#cc6677", "#117733", "#88ccee", "#882255", "#999933", "#44aa99", "#aa4499"]

    /// A share of 0…1 on a scale of one hue, white to dark blue: ColorBrewer's "Blues" (Brewer 2003), straight lines
    /// between its nine steps. `ink` is the color in which text can be read on it.
    static func sequential(_ share: Double) -> (fill: String, ink: String) {
        let steps: [[Double]] = [
            [247, 251, 255], [222, 235, 247], [198, 219, 239], [158, 202, 225], [107, 174, 214], [66, 146, 198],
            [33, 113, 181], [8, 81, 156], [8, 48, 107],
        ]
        let position = min(max(share, 0), 1) * Double(steps.count - 1)
        let lower = min(Int(position), steps.count - 2)
        let part = position - Double(lower)
        let color = zip(steps[lower], steps[lower + 1]).map { ($0 + ($1 - $0) * part).rounded() }
        let fill = color.reduce("#") { $0 + (($1 < 16 ? "0" : "") + String(Int($1), radix: 16)) }
        // Rec. 601 luma; black and white contrast alike with a gray of 117.
        let luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
        return (fill, luma < 117 ? "#ffffff" : "#000000")
    }
}
