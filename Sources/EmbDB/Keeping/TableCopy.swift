internal import LMDBStore
internal import Numerics

/// Copies tables from a transaction into another database, a commit every so many bytes.
final class TableCopy {
    static let stopped = "stopped; the database is what it was"
    /// Bytes that wait for a commit; it holds them twice.
    private static let bytesPerCommit = 32 << 20

    let target: Environment
    private let control: Control
    private let totalBytes: Int
    private var bytes = 0

    init(target: Environment, control: Control, totalBytes: Int) {
        self.target = target
        self.control = control
        self.totalBytes = totalBytes
    }

    /// Copies the entries that `change` gives, which must keep their order.
    func entries<Key: TableKey, Value: TableValue>(
        of table: Table<Key, Value>, in transaction: borrowing ReadTransaction,
        _ change: ((Key, Value)) throws -> (Key, Value)?
    ) throws {
        var waiting: [(Key, Value)] = []
        var size = 0
        try table.forEach(in: transaction) { key, value in
            guard let entry = try change((key, value)) else { return }
            waiting.append(entry)
            // Keys are short, and so are the values that are not bytes.
            size += 64 + ((entry.1 as? [UInt8])?.count ?? 64)
            if size >= Self.bytesPerCommit {
                try commit(waiting, to: table, size)
                waiting.removeAll(keepingCapacity: true)
                size = 0
            }
        }
        try commit(waiting, to: table, size)
    }

    private func commit<Key, Value>(_ entries: [(Key, Value)], to table: Table<Key, Value>, _ size: Int) throws {
        try step(size)
        try target.write { transaction in
            for (key, value) in entries { try table.append(value, for: key, in: &transaction) }
        }
    }

    /// Copies the rows of a column that are to be kept, each as `change` leaves it.
    ///
    /// - Parameter count: rows to look at; the column must have so many.
    func rows(
        of column: BlockColumn, count: Int, keeping: Bitmap, in transaction: borrowing ReadTransaction,
        _ change: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        // Whole blocks, so that none is written twice.
        let limit = max(1, Self.bytesPerCommit / (column.rowsPerBlock * column.stride)) * column.rowsPerBlock
        var waiting: [UInt8] = []
        waiting.reserveCapacity(min(limit, keeping.population) * column.stride)
        var (written, first) = (0, 0)
        while first < count {
            first += try column.withBlock(first / column.rowsPerBlock, in: transaction) { block -> Int in
                for row in first..<min(count, first + block.count / column.stride) where keeping[row] {
                    let start = (row - first) * column.stride
                    let place = waiting.count
                    waiting.append(contentsOf: block[start..<start + column.stride])
                    try waiting.withUnsafeMutableBytes {
                        try change(UnsafeMutableRawBufferPointer(rebasing: $0[place..<place + column.stride]))
                    }
                    if waiting.count == limit * column.stride { try commit(&waiting, to: column, &written) }
                }
                let rows = block.count / column.stride
                guard rows == column.rowsPerBlock || first + rows >= count else {
                    throw EmbDBError(
                        .corrupted,
                        "table \(column.name) has fewer rows than there are cells: restore a backup, or ingest again into "
                            + "a new file")
                }
                return rows
            }
        }
        if !waiting.isEmpty { try commit(&waiting, to: column, &written) }
    }

    private func commit(_ rows: inout [UInt8], to column: BlockColumn, _ written: inout Int) throws {
        try step(rows.count)
        let first = written
        try rows.withUnsafeBytes { bytes in
            try target.write { try column.append(bytes, at: first, in: &$0) }
        }
        written += rows.count / column.stride
        rows.removeAll(keepingCapacity: true)
    }

    private func step(_ size: Int) throws {
        try control.checkCancelled(Self.stopped)
        bytes += size
        control.progress(
            .init(unit: "MB", phase: "compacting", done: min(bytes, totalBytes) >> 20, total: totalBytes >> 20))
    }
}
