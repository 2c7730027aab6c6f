internal import AnnData
internal import LMDBStore

/// Writes obs values of ingested cells into the database's columns; new category names get the next code.
struct ObsWriter {
    /// One column of the database as the cells of one source fill it.
    private struct Target {
        let number: Int
        let kind: ObsColumnDescription.Kind
        /// nil: the source has no such column.
        let source: Column?
        /// The source's code → the database's; nil until it is used.
        var codes: [Int32?]
        var window: Range<Int> = 0..<0
        var values: ColumnValues = .numbers([])
        /// Values of the cells that wait for a commit.
        var waiting: [UInt8] = []
    }

    /// Rows that are read at once from the source.
    private static let slice = 1 << 13

    private var targets: [Target] = []
    /// By column number: name → code, in use or waiting.
    private var dictionaries: [[String: Int32]] = []
    /// By column number: names whose codes are new since the last commit.
    private var newNames: [[String]] = []

    /// Reads the names in use.
    init(_ columns: [ObsColumnDescription], in transaction: borrowing some Transaction & ~Copyable) throws {
        for (number, column) in columns.enumerated() {
            var dictionary: [String: Int32] = [:]
            for (code, name) in try StoredObs.names(number, column, in: transaction).enumerated() {
                dictionary[name] = Int32(code)
            }
            dictionaries.append(dictionary)
            newNames.append([])
        }
        targets = columns.enumerated().map { number, column in
            Target(number: number, kind: column.kind, source: nil, codes: [])
        }
    }

    /// From now on cells come from `source`.
    mutating func use(_ source: CellSource, columns: [ObsColumnDescription]) throws {
        for number in targets.indices {
            let column = source.obsColumns.first { $0.name == columns[number].name }
            targets[number] = Target(
                number: number, kind: targets[number].kind, source: column,
                codes: Array(repeating: nil, count: column?.categories.count ?? 0), waiting: targets[number].waiting)
        }
    }

    /// Takes the values of the source's cell `row`.
    mutating func add(row: Int) throws {
        for index in targets.indices {
            if let source = targets[index].source, !targets[index].window.contains(row) {
                let start = row / Self.slice * Self.slice
                targets[index].window = start..<min(source.count, start + Self.slice)
                targets[index].values = try source.read(rows: targets[index].window)
            }
            switch targets[index].kind {
            case .number: append(number(index, row), to: index)
            case .integer: append(integer(index, row), to: index)
            case .category, .boolean: append(code(index, row), to: index)
            }
        }
    }

    /// Writes the waiting values as rows `firstRow` and on, and new names; adds the names to `columns`.
    mutating func commit(
        at firstRow: Int, columns: inout [ObsColumnDescription], in transaction: inout WriteTransaction
    ) throws {
        for index in targets.indices {
            let number = targets[index].number
            for (offset, name) in newNames[number].enumerated() {
                let code = UInt32(columns[number].categoryCount + offset)
                try Layout.names(ofColumn: number).put(Checksummed.seal(Array(name.utf8)), for: code, in: &transaction)
            }
            columns[number].categoryCount += newNames[number].count
            newNames[number].removeAll()
            try targets[index].waiting.withUnsafeBytes {
                try Layout.obs(number, targets[index].kind).append($0, at: firstRow, in: &transaction)
            }
            targets[index].waiting.removeAll(keepingCapacity: true)
        }
    }

    /// Gives rows 0..<`rows` of a new column the missing value.
    static func fillMissing(
        column number: Int, kind: ObsColumnDescription.Kind, rows: Int, in transaction: inout WriteTransaction
    ) throws {
        let value: [UInt8] =
            switch kind {
            case .number: bytes(Double.nan.bitPattern)
            case .integer: bytes(Int64.min)
            case .category, .boolean: bytes(Int32(-1))
            }
        let column = Layout.obs(number, kind)
        for start in stride(from: 0, to: rows, by: 1 << 16) {
            let count = min(rows, start + 1 << 16) - start
            var part: [UInt8] = []
            part.reserveCapacity(count * value.count)
            for _ in 0..<count { part += value }
            try part.withUnsafeBytes { try column.append($0, at: start, in: &transaction) }
        }
    }

    // MARK: One value

    private func number(_ index: Int, _ row: Int) -> UInt64 {
        guard targets[index].source != nil, case .numbers(let values) = targets[index].values else {
            return Double.nan.bitPattern
        }
        let value = values[row - targets[index].window.lowerBound]
        // One NaN for all, so that equal inputs give equal bytes.
        return value.isNaN ? Double.nan.bitPattern : value.bitPattern
    }

    private func integer(_ index: Int, _ row: Int) -> Int64 {
        guard targets[index].source != nil, case .integers(let values) = targets[index].values else { return .min }
        return values[row - targets[index].window.lowerBound] ?? .min
    }

    private mutating func code(_ index: Int, _ row: Int) -> Int32 {
        guard targets[index].source != nil else { return -1 }
        let offset = row - targets[index].window.lowerBound
        switch targets[index].values {
        case .categories(let codes, let names, _):
            let code = Int(codes[offset])
            if code < 0 { return -1 }
            if let known = targets[index].codes[code] { return known }
            let new = self.code(of: names[code], column: targets[index].number)
            targets[index].codes[code] = new
            return new
        case .strings(let texts):
            return texts[offset].map { code(of: $0, column: targets[index].number) } ?? -1
        case .booleans(let values):
            return values[offset].map { $0 ? 1 : 0 } ?? -1
        case .integers, .numbers:
            return -1
        }
    }

    private mutating func code(of name: String, column: Int) -> Int32 {
        if let code = dictionaries[column][name] { return code }
        let code = Int32(dictionaries[column].count)
        dictionaries[column][name] = code
        newNames[column].append(name)
        return code
    }

    private mutating func append(_ value: some FixedWidthInteger, to index: Int) {
        withUnsafeBytes(of: value.littleEndian) { targets[index].waiting.append(contentsOf: $0) }
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
