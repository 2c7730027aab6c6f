/// A matrix in Matrix Market's coordinate format, read entry by entry
/// (https://math.nist.gov/MatrixMarket/formats.html): `%%MatrixMarket matrix coordinate FIELD general`, comments that
/// begin with %, a line of rows, columns and entries, then a line `row column value` for each entry, both from 1.
struct MatrixMarket: ~Copyable {
    /// What the values are.
    enum Field: String {
        case integer, real
        /// No values: every entry is a 1.
        case pattern
    }

    private(set) var lines: TextLines
    let field: Field
    let rowCount: Int
    let columnCount: Int
    let entryCount: Int
    private var read = 0
    private var emptyLines = 0

    /// Reads the header.
    init(_ path: String) throws(AnnDataError) {
        var lines = try TextLines(path)
        let header = try Self.readHeader(&lines)
        field = header.field
        rowCount = header.rows
        columnCount = header.columns
        entryCount = header.entries
        self.lines = lines
    }

    private static func readHeader(
        _ lines: inout TextLines
    ) throws(AnnDataError) -> (field: Field, rows: Int, columns: Int, entries: Int) {
        guard try lines.next() else { throw AnnDataError(.empty, file: lines.path, "the file is empty") }
        let words = lines.text.lowercased().split { $0 == " " || $0 == "\t" }.map(String.init)
        guard words.count == 5, words[0] == "%%matrixmarket", words[1] == "matrix" else {
            throw lines.error(
                "not the first line of a Matrix Market file", advice: "give matrix.mtx as Cell Ranger writes it")
        }
        guard words[2] == "coordinate", words[4] == "general", let field = Field(rawValue: words[3]) else {
            throw lines.error(
                "a matrix of the kind \(words[2...].joined(separator: " ")), which is not read",
                advice: "write it as: coordinate integer general")
        }
        var sizes: [Int] = []
        while sizes.isEmpty {
            guard try lines.next() else {
                throw AnnDataError(
                    .truncated, file: lines.path, line: lines.number + 1, "the file ends within its header")
            }
            let text = lines.text
            if text.first == "%" || text.allSatisfy({ $0 == " " || $0 == "\t" }) { continue }
            let numbers = text.split { $0 == " " || $0 == "\t" }.map { Int($0) }
            sizes = numbers.compactMap { $0 }
            guard numbers.count == 3, sizes.count == 3, sizes.allSatisfy({ $0 >= 0 }) else {
                throw lines.error("not three numbers: rows, columns, entries")
            }
        }
        let (rowCount, columnCount, entryCount) = (sizes[0], sizes[1], sizes[2])
        guard rowCount <= Int(Int32.max), columnCount <= Int(Int32.max) else {
            throw lines.error("it declares \(rowCount) × \(columnCount) entries, more than are read")
        }
        // An entry takes four bytes at least, and deflate shrinks at most 1032-fold.
        let (possible, overflow) = lines.fileBytes.multipliedReportingOverflow(by: lines.isCompressed ? 1032 : 1)
        guard entryCount <= rowCount * columnCount, overflow || entryCount <= possible / 4 else {
            throw lines.error(
                "it declares \(entryCount) entries of \(rowCount) × \(columnCount), more than the file can hold",
                advice: "get a fresh copy of the file")
        }
        return (field, rowCount, columnCount, entryCount)
    }

    /// The next entry, row and column from 0; nil behind the last one, whose number the header gives.
    mutating func next() throws(AnnDataError) -> (row: Int, column: Int, value: Double)? {
        while true {
            guard try lines.next() else {
                guard read == entryCount else {
                    throw AnnDataError(
                        .truncated, file: lines.path, line: lines.number,
                        "the file ends after \(read) entries, its header says \(entryCount)")
                }
                return nil
            }
            var fields = Fields(lines.line)
            skipSpaces(&fields)
            if fields.isAtEnd {
                // Lines without end that inflate from nothing are no matrix.
                emptyLines += 1
                guard emptyLines < 1000 else { throw lines.error("more than 1,000 empty lines") }
                continue
            }
            guard read < entryCount else { throw lines.error("more entries than the header says, \(entryCount)") }
            guard let row = takeIndex(&fields), let column = takeIndex(&fields) else {
                throw lines.error("not a row and a column, two whole numbers from 1")
            }
            guard row >= 1, row <= rowCount, column >= 1, column <= columnCount else {
                throw lines.error(
                    "row \(row), column \(column) is outside of the matrix of \(rowCount) × \(columnCount)")
            }
            guard let value = takeValue(&fields) else {
                throw lines.error(
                    field == .pattern
                        ? "more than a row and a column" : "the value is no \(field == .integer ? "whole " : "")number")
            }
            read += 1
            return (row - 1, column - 1, value)
        }
    }

    /// What is left of a line.
    private struct Fields {
        var position: Int
        let end: Int
        init(_ line: Range<Int>) {
            position = line.lowerBound
            end = line.upperBound
        }
        var isAtEnd: Bool { position == end }
    }

    private func skipSpaces(_ fields: inout Fields) {
        while !fields.isAtEnd, lines.buffer[fields.position] == 32 || lines.buffer[fields.position] == 9 {
            fields.position += 1
        }
    }

    /// Digits up to a blank or the end.
    private func takeIndex(_ fields: inout Fields) -> Int? {
        skipSpaces(&fields)
        let start = fields.position
        var number = 0
        while !fields.isAtEnd {
            let byte = lines.buffer[fields.position]
            if byte == 32 || byte == 9 { break }
            // 18 digits do not overflow.
            guard byte >= 48, byte <= 57, fields.position - start < 18 else { return nil }
            number = number * 10 + Int(byte &- 48)
            fields.position += 1
        }
        return fields.position > start ? number : nil
    }

    /// The rest of the line as one number.
    private func takeValue(_ fields: inout Fields) -> Double? {
        skipSpaces(&fields)
        if field == .pattern { return fields.isAtEnd ? 1 : nil }
        var digits = fields
        if let whole = takeIndex(&digits) {
            skipSpaces(&digits)
            // Beyond 2^53 it is rounded, as any double, and the rule of counts refuses it.
            if digits.isAtEnd { return Double(whole) }
        }
        var end = fields.end
        while end > fields.position, lines.buffer[end - 1] == 32 || lines.buffer[end - 1] == 9 { end -= 1 }
        let text = String(decoding: lines.buffer[fields.position..<end], as: UTF8.self)
        if field == .integer { return Int(text).map { Double($0) } }
        // No hexadecimal numbers.
        return text.contains { $0 == "x" || $0 == "X" } ? nil : Double(text)
    }
}
