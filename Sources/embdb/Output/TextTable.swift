/// Rows of text, printed as aligned columns for people or tab separated for programs.
struct TextTable {
    enum Alignment { case left, right }

    private let headers: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// Columns whose header starts with ">" are aligned to the right (numbers).
    init(_ headers: [String]) {
        self.headers = headers.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }
        alignments = headers.map { $0.hasPrefix(">") ? .right : .left }
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// Tab separated, with a header; tabs and line ends inside of a value become spaces.
    var tsv: String {
        ([headers] + rows)
            .map { $0.map { $0.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined() }.joined(separator: "\t") }
            .joined(separator: "\n")
    }

    /// Aligned columns, two spaces apart; cells over `limit` characters are cut with an ellipsis.
    func text(limit: Int = 64) -> String {
        func cut(_ text: String) -> String { text.count > limit ? text.prefix(limit - 1) + "…" : text }
        let lines = [headers] + rows.map { $0.map(cut) }
        let widths = headers.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - line[column].count)
                return alignments[column] == .right ? padding + line[column] : line[column] + padding
            }
            var text = cells.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }.joined(separator: "\n")
    }
}
