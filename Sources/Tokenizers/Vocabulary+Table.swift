// A vocabulary as tab separated text: what a model folder and the database file hold.
//
//     token  ensembl_id       symbol  nonzero_median
//     0      <pad>
//     2      ENSG00000000003  TSPAN6  2.001186019549122

extension Vocabulary {
    /// Name of the table of entries in a model folder.
    package static let tableName = "vocabulary.tsv"
    /// Name of the table of aliases beside it.
    package static let mappingName = "mapping.tsv"

    private static let tableHeader = ["token", "ensembl_id", "symbol", "nonzero_median"]
    private static let mappingHeader = ["key", "ensembl_id"]

    /// The entries as a table, by token; medians are the shortest decimals that read back to the same `Double`.
    package func tableText() -> String {
        var text = Self.tableHeader.joined(separator: "\t") + "\n"
        for entry in entries {
            text += "\(entry.token)\t\(entry.id)\t\(entry.symbol)\t\(entry.median.map { "\($0)" } ?? "")\n"
        }
        return text
    }

    /// The aliases as a table (`key`, `ensembl_id`), sorted by key.
    package func mappingText() -> String {
        var text = Self.mappingHeader.joined(separator: "\t") + "\n"
        for (key, token) in aliases.sorted(by: { $0.key < $1.key }) {
            guard let entry = entry(token) else { continue }
            text += "\(key)\t\(entry.id)\n"
        }
        return text
    }

    /// Reads what ``tableText()`` and ``mappingText()`` write; rows in any order, lines may end with CR LF.
    ///
    /// - Parameters:
    ///   - table, mapping: UTF-8 text; no mapping = no aliases.
    ///   - file, mappingFile: for messages.
    /// - Throws: ``TokenizerError`` `malformedVocabulary` with file and line.
    package convenience init(
        table: [UInt8], mapping: [UInt8]? = nil, file: String = tableName, mappingFile: String = mappingName
    ) throws(TokenizerError) {
        var entries: [Entry] = []
        var lines: [Int] = []
        try Self.readRows(table, header: Self.tableHeader, file: file) { line, fields throws(TokenizerError) in
            func fail(_ detail: String) -> TokenizerError {
                TokenizerError(.malformedVocabulary, file: file, line: line, gene: fields[1], detail: detail)
            }
            guard let token = UInt32(fields[0]) else { throw fail("the token \"\(fields[0])\" is not a whole number") }
            var median: Double?
            if !fields[3].isEmpty {
                guard let number = Double(fields[3]) else {
                    throw fail("the median \"\(fields[3])\" of \(fields[1]) is not a number")
                }
                median = number
            }
            entries.append(Entry(token: token, id: fields[1], symbol: fields[2], median: median))
            lines.append(line)
        }
        var aliases: [(key: String, id: String)] = []
        if let mapping {
            try Self.readRows(mapping, header: Self.mappingHeader, file: mappingFile) { _, fields in
                aliases.append((fields[0], fields[1]))
            }
        }
        try self.init(entries: entries, aliases: aliases, file: file, line: { lines[$0] })
    }

    /// Calls `body` with line number and fields of every row behind the header; empty lines are skipped.
    private static func readRows(
        _ bytes: [UInt8], header: [String], file: String,
        _ body: (Int, [String]) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        func fail(_ line: Int, _ detail: String) -> TokenizerError {
            TokenizerError(.malformedVocabulary, file: file, line: line, detail: detail)
        }
        var number = 0
        for var line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty, number > 1 { continue }
            var fields: [String] = []
            for field in line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false) {
                guard let text = String(validating: field, as: UTF8.self) else {
                    throw fail(number, "the text is not UTF-8")
                }
                fields.append(text)
            }
            if number == 1 {
                guard fields == header else {
                    throw fail(1, "the header is not \(header.joined(separator: " ")) (tab separated)")
                }
                continue
            }
            guard fields.count == header.count else {
                throw fail(number, "\(fields.count) columns instead of \(header.count)")
            }
            try body(number, fields)
        }
    }
}
