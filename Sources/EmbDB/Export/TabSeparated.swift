/// Tables as programs read them: fields between tabs, a row a line, the first row the names of the columns.
enum TabSeparated {
    /// The text without what would end the field or the row.
    static func field(_ text: String) -> String {
        text.contains { $0 == "\t" || $0.isNewline }
            ? String(text.map { $0 == "\t" || $0.isNewline ? " " : $0 }) : text
    }

    /// One line, with its end.
    static func row(_ fields: [String]) -> String { fields.map(field).joined(separator: "\t") + "\n" }

    /// A header and rows.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        ([header] + rows).map(row).joined()
    }

    /// The shortest decimal that reads back as the same number; zero has no sign.
    static func number(_ value: Double) -> String { (value == 0 ? 0 : value).description }
}
