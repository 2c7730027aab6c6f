internal import LMDBStore
internal import Numerics

/// The obs of the visible rows.
enum StoredObs {
    /// One value of each column.
    static func values(
        ofRow row: Int, state: DatabaseState, names: inout [Int: [String]],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [(name: String, value: ObsValue)] {
        var result: [(name: String, value: ObsValue)] = []
        result.reserveCapacity(state.columns.count)
        for (number, column) in state.columns.enumerated() {
            let bytes = try Layout.obs(number, column.kind).rows(row..<row + 1, in: transaction)
            result.append(
                (
                    column.name,
                    try bytes.withUnsafeBytes { raw throws -> ObsValue in
                        switch column.kind {
                        case .number:
                            let value = Double(bitPattern: raw.loadUnaligned(as: UInt64.self))
                            return value.isNaN ? .missing : .number(value)
                        case .integer:
                            let value = raw.loadUnaligned(as: Int64.self)
                            return value == .min ? .missing : .integer(Int(value))
                        case .boolean:
                            let code = raw.loadUnaligned(as: Int32.self)
                            return code < 0 ? .missing : .boolean(code != 0)
                        case .category:
                            let code = raw.loadUnaligned(as: Int32.self)
                            if code < 0 { return .missing }
                            if names[number] == nil { names[number] = try self.names(number, column, in: transaction) }
                            guard let all = names[number], Int(code) < all.count else {
                                throw damaged(column.name, row)
                            }
                            return .text(all[Int(code)])
                        }
                    }
                ))
        }
        return result
    }

    /// A whole column, for expressions.
    static func column(
        _ number: Int, state: DatabaseState, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> ObsColumn {
        let column = state.columns[number]
        let bytes = try Layout.obs(number, column.kind).rows(0..<state.rows, in: transaction)
        return try bytes.withUnsafeBytes { raw throws -> ObsColumn in
            switch column.kind {
            case .number:
                return .numbers(
                    (0..<state.rows).map {
                        Double(bitPattern: raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
                    })
            case .integer:
                return .integers((0..<state.rows).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) })
            case .boolean, .category:
                let names = try names(number, column, in: transaction)
                let codes = (0..<state.rows).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
                if let row = codes.firstIndex(where: { $0 < -1 || Int($0) >= names.count }) {
                    throw damaged(column.name, row)
                }
                return .categories(codes: codes, names: names)
            }
        }
    }

    /// Names of a column's codes.
    static func names(
        _ number: Int, _ column: ObsColumnDescription, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [String] {
        if column.kind == .boolean { return ["False", "True"] }
        var names: [String] = []
        names.reserveCapacity(column.categoryCount)
        try Layout.names(ofColumn: number).forEach(upTo: UInt32(column.categoryCount), in: transaction) { code, bytes in
            guard Int(code) == names.count, let content = Checksummed.open(bytes),
                let name = String(validating: content, as: UTF8.self)
            else { throw damaged(column.name, Int(code)) }
            names.append(name)
        }
        guard names.count == column.categoryCount else { throw damaged(column.name, names.count) }
        return names
    }

    /// The live rows that `text` selects.
    ///
    /// - Throws: `ExpressionError` for a wrong expression; the store's errors.
    static func select(
        _ text: String, state: DatabaseState, live: Bitmap, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Bitmap {
        let expression = try Expression.parse(text)
        // A transaction cannot be kept in a value, so what the expression names is read first.
        var table = LoadedObs(cellCount: state.rows, columnNames: state.columns.map(\.name))
        for name in expression.columns {
            if let number = state.columns.firstIndex(where: { $0.name == name }) {
                table.columns[name] = try column(number, state: state, in: transaction).hiding(live)
            }
        }
        if expression.columns.contains("cell") {
            table.cells.reserveCapacity(state.rows)
            try Layout.cellOfRow.forEach(upTo: UInt64(state.rows), in: transaction) { row, id in
                table.cells.append(live[Int(row)] ? id : nil)
            }
        }
        var rows = try expression.evaluate(on: table)
        rows.formIntersection(live)
        return rows
    }

    private static func damaged(_ column: String, _ row: Int) -> EmbDBError {
        EmbDBError(
            .corrupted,
            "obs column \(column) is damaged (row \(row)): restore a backup, or ingest again into a new file")
    }
}

extension ObsColumn {
    /// Without the names of deleted cells, which no cell has: an expression that asks for them is told so.
    fileprivate func hiding(_ live: Bitmap) -> ObsColumn {
        guard case .categories(var codes, let names) = self, live.population < live.count else { return self }
        for row in codes.indices where !live[row] { codes[row] = -1 }
        return .categories(codes: codes, names: names)
    }
}

/// The columns that an expression names, in memory.
struct LoadedObs: ObsTable {
    let cellCount: Int
    let columnNames: [String]
    var columns: [String: ObsColumn] = [:]
    /// nil for deleted cells.
    var cells: [String?] = []

    func column(_ name: String) throws -> ObsColumn { columns[name] ?? .text(Array(repeating: nil, count: cellCount)) }
    func cellIDs() throws -> [String?] { cells }
}
