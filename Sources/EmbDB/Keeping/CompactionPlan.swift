internal import LMDBStore
internal import Numerics

/// What a compaction keeps, and how it is numbered then.
struct CompactionPlan {
    let path: String
    /// Before.
    let old: DatabaseState
    /// After.
    private(set) var state: DatabaseState
    /// Rows that are kept.
    let live: Bitmap
    /// The new number of each row; of a deleted one, that of the next one kept. [rows + 1]
    let newRow: [Int]
    /// By column number: the new code of each old one, −1 for names that no cell has; nil for other kinds of columns.
    private(set) var newCodes: [[Int32]?] = []
    /// By column number.
    private(set) var names: [[String]] = []

    var dropsRows: Bool { state.rows < old.rows }

    /// - Throws: ``EmbDBError/Code/pendingIngest`` while an ingest is unfinished, `corrupted`.
    init(_ transaction: borrowing ReadTransaction, path: String) throws {
        self.path = path
        // What is copied gets a seal of its own.
        try transaction.verifyMetaRecords()
        old = try MetaRecords.state(transaction)
        // It holds row numbers, and its batches may be under way.
        try MetaRecords.refusePending(old, path: path, in: transaction)
        live = try MetaRecords.live(transaction, rows: old.rows)
        var next = 0
        var newRow: [Int] = []
        newRow.reserveCapacity(old.rows + 1)
        for row in 0..<old.rows {
            newRow.append(next)
            if live[row] { next += 1 }
        }
        newRow.append(next)
        self.newRow = newRow
        state = old
        state.rows = next
        if next < old.rows { state.compactions = (old.compactions ?? 0) + 1 }
        state.ingests = old.ingests.compactMap { [live] ingest in
            let rows = ingest.firstRow..<ingest.firstRow + ingest.cells
            guard rows.upperBound <= live.count, rows.allSatisfy({ live[$0] }) else { return nil }
            var moved = ingest
            moved.firstRow = newRow[ingest.firstRow]
            return moved
        }
        for (number, column) in old.columns.enumerated() {
            guard column.kind == .category,
                case .categories(let codes, let all) = try StoredObs.column(number, state: old, in: transaction)
            else {
                newCodes.append(nil)
                names.append([])
                continue
            }
            var isUsed = [Bool](repeating: false, count: all.count)
            for row in codes.indices where codes[row] >= 0 && live[row] { isUsed[Int(codes[row])] = true }
            var (map, kept): ([Int32], [String]) = ([], [])
            for code in all.indices {
                map.append(isUsed[code] ? Int32(kept.count) : -1)
                if isUsed[code] { kept.append(all[code]) }
            }
            newCodes.append(map)
            names.append(kept)
            state.columns[number].categoryCount = kept.count
        }
    }

    /// Bytes of the new file, a little too many.
    func estimatedBytes(in transaction: borrowing ReadTransaction) throws -> Int {
        var bytes = 1 << 16
        for name in transaction.tableNames {
            let all = try transaction.bytes(ofTable: name)
            let isOfRows = ["cells.", "tokens", "embedding.", "obs.", "graph."].contains { name.hasPrefix($0) }
            // Multiplied as Double: both numbers may be large.
            bytes += isOfRows && old.rows > 0 ? Int(Double(all) * Double(state.rows) / Double(old.rows)) + 8192 : all
        }
        return bytes
    }
}
