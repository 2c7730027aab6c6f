internal import Foundation

/// Rows of values, printed as aligned columns for people or tab separated and in full precision for programs.
struct TextTable {
    /// A value; people see numbers rounded.
    enum Cell {
        case text(String)
        case integer(Int)
        /// So many decimals.
        case decimal(Double, Int)
        /// Three digits.
        case scientific(Double)
        case none

        /// For programs.
        var full: String {
            switch self {
            case .text(let text): String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
            case .integer(let value): String(value)
            case .decimal(let value, _), .scientific(let value): (value == 0 ? 0 : value).description
            case .none: ""
            }
        }

        /// For people.
        var short: String {
            switch self {
            case .text, .integer, .none: full
            case .decimal(let value, let places): embdb.decimal(value, places)
            case .scientific(let value): String(format: "%.3g", value == 0 ? 0 : value)
            }
        }
    }

    /// A column; numbers stand at the right.
    struct Column {
        let name: String
        var isNumber = false
        /// Whether long values are cut with an ellipsis; ids are not, since people copy them.
        var isCut = true

        static func text(_ name: String) -> Column { Column(name: name) }
        static func number(_ name: String) -> Column { Column(name: name, isNumber: true, isCut: false) }
        static func id(_ name: String) -> Column { Column(name: name, isCut: false) }
    }

    private static let longest = 48

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// What there is, one thing a row.
    static func facts() -> TextTable { TextTable([.text("what"), .id("value")]) }

    mutating func add(_ row: [Cell]) { rows.append(row) }
    mutating func add(_ what: String, _ value: String) { rows.append([.text(what), .text(value)]) }

    /// Tab separated, with a header; tabs and line ends inside of a value become spaces.
    var tsv: String {
        ([columns.map(\.name)] + rows.map { $0.map(\.full) }).map { $0.joined(separator: "\t") }
            .joined(separator: "\n")
    }

    /// Aligned columns, two spaces apart.
    var text: String {
        let lines =
            [columns.map(\.name)]
            + rows.map { row in zip(row, columns).map { $1.isCut ? Self.cut($0.short) : $0.short } }
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - line[column].count)
                return columns[column].isNumber ? padding + line[column] : line[column] + padding
            }
            var text = cells.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }.joined(separator: "\n")
    }

    private static func cut(_ text: String) -> String {
        text.count > longest ? text.prefix(longest - 1) + "…" : text
    }
}
