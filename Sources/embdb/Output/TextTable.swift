internal import Foundation

/// Rows of values, printed as aligned columns for people or tab separated and in full precision for programs.
struct TextTable {
    /// A value; people see numbers rounded and with units.
    enum Cell {
        case text(String)
        case integer(Int)
        /// So many decimals.
        case decimal(Double, Int)
        /// Three digits.
        case scientific(Double)
        /// Seconds.
        case seconds(Double)
        case bytes(Int)
        case none

        /// For programs.
        var full: String {
            switch self {
            case .text(let text): String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
            case .integer(let value), .bytes(let value): String(value)
            case .decimal(let value, _), .scientific(let value), .seconds(let value):
                (value == 0 ? 0 : value).description
            case .none: ""
            }
        }

        /// For people.
        var short: String {
            switch self {
            case .text, .none: full
            case .integer(let value): grouped(value)
            case .decimal(let value, let places): embdb.decimal(value, places)
            case .scientific(let value): String(format: "%.3g", value == 0 ? 0 : value)
            case .seconds(let value): duration(value)
            case .bytes(let value): byteCount(value)
            }
        }
    }

    /// A column; numbers stand at the right.
    struct Column {
        /// What a narrow terminal cuts first, with an ellipsis.
        enum Width: Int, CaseIterable {
            /// Words, at their end.
            case text
            /// Names that stand elsewhere too (the query in every row), in the middle.
            case reminder
            /// Names that people copy, in the middle, and only if nothing else is left to cut.
            case id
            /// Never.
            case whole
        }

        let name: String
        var isNumber = false
        var width: Width

        static func text(_ name: String) -> Column { Column(name: name, width: .text) }
        static func number(_ name: String) -> Column { Column(name: name, isNumber: true, width: .whole) }
        static func id(_ name: String) -> Column { Column(name: name, width: .id) }
        static func reminder(_ name: String) -> Column { Column(name: name, width: .reminder) }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// What there is, one thing a row.
    static func facts() -> TextTable { TextTable([.text("what"), Column(name: "value", width: .whole)]) }

    mutating func add(_ row: [Cell]) { rows.append(row) }
    mutating func add(_ what: String, _ value: String) { rows.append([.text(what), .text(value)]) }
    mutating func add(_ what: String, _ value: Cell) { rows.append([.text(what), value]) }

    /// Tab separated, with a header; tabs and line ends inside of a value become spaces.
    var tsv: String {
        ([columns.map { Cell.text($0.name).full }] + rows.map { $0.map(\.full) }).map { $0.joined(separator: "\t") }
            .joined(separator: "\n")
    }

    /// Aligned columns, two spaces apart.
    ///
    /// - Parameter terminal: characters of a line; nil where nothing limits it, and nothing is cut.
    /// - Returns: the lines, and the columns that a narrow terminal has no room for.
    func text(terminal: Int?) -> (lines: String, leftOut: [String]) {
        let lines = [columns.map(\.name)] + rows.map { $0.map(\.short) }
        let natural = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let (shown, widths) = terminal.map { fitted(natural, $0) } ?? (Array(columns.indices), natural)
        let text = lines.map { line in
            let cells = shown.map { column in
                let value = Self.cut(line[column], to: widths[column], inTheMiddle: columns[column].width != .text)
                let padding = String(repeating: " ", count: widths[column] - value.count)
                return columns[column].isNumber ? padding + value : value + padding
            }
            var text = cells.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }.joined(separator: "\n")
        return (text, columns.indices.filter { !shown.contains($0) }.map { columns[$0].name })
    }

    /// Narrows what may be cut until a line fits; leaves texts out, the last first, where that saves the ids.
    private func fitted(_ natural: [Int], _ terminal: Int) -> (shown: [Int], widths: [Int]) {
        if columns.contains(where: { $0.width == .whole && !$0.isNumber }) { return (Array(columns.indices), natural) }
        var shown = Array(columns.indices)
        repeat {
            let widths = narrowed(natural, shown, [(.text, 8), (.reminder, 8)], terminal)
            if excess(widths, shown, terminal) <= 0 { return (shown, widths) }
            guard let last = shown.last(where: { columns[$0].width == .text }) else { break }
            shown.removeAll { $0 == last }
        } while true
        let all = Array(columns.indices)
        return (all, narrowed(natural, all, [(.text, 8), (.reminder, 8), (.id, 16)], terminal))
    }

    private func excess(_ widths: [Int], _ shown: [Int], _ terminal: Int) -> Int {
        shown.reduce(0) { $0 + widths[$1] } + 2 * (shown.count - 1) - terminal
    }

    /// Takes from the widest column of a kind, one kind after the other, down to the least width of each.
    private func narrowed(
        _ natural: [Int], _ shown: [Int], _ kinds: [(kind: Column.Width, least: Int)], _ terminal: Int
    ) -> [Int] {
        var widths = natural
        var tooMany = excess(widths, shown, terminal)
        for (kind, least) in kinds {
            let some = shown.filter { columns[$0].width == kind }
            while tooMany > 0, let widest = some.max(by: { (widths[$0], $1) < (widths[$1], $0) }),
                widths[widest] > least
            {
                widths[widest] -= 1
                tooMany -= 1
            }
        }
        return widths
    }

    private static func cut(_ text: String, to width: Int, inTheMiddle: Bool) -> String {
        guard text.count > width, width > 0 else { return text }
        // Ids of one file often begin alike; they differ at the end.
        let tail = inTheMiddle ? (width - 1) * 2 / 3 : 0
        return text.prefix(width - 1 - tail) + "…" + text.suffix(tail)
    }
}
