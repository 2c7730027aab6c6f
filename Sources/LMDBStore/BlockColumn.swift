internal import Glibc
package import Numerics

/// A column of fixed-width rows, kept as a table of big values: block b holds rows b · rowsPerBlock and on, behind a
/// 48-byte header (`BlockHeader`). All blocks but the last are full.
///
/// In a read transaction the rows are used where they lie in the mapped file (`blockRows`), the rows of each block
/// beginning on a 64-byte boundary. Memory and disk are little-endian (x86-64, arm64).
package struct BlockColumn: Sendable {
    /// The table's name.
    package let name: String
    /// A power of two.
    package let rowsPerBlock: Int
    /// Bytes per row.
    package let stride: Int
    /// What the rows are, chosen by the caller and checked on every read.
    package let kind: UInt32

    /// `rowsPerBlock` is a power of two, `stride` above 0, a block at most 1 GiB.
    package init(name: String, rowsPerBlock: Int, stride: Int, kind: UInt32) {
        precondition(rowsPerBlock > 0 && rowsPerBlock & (rowsPerBlock - 1) == 0, "rows per block: no power of two")
        precondition(stride > 0 && rowsPerBlock <= (1 << 30) / stride, "a block is 1 byte to 1 GiB")
        self.name = name
        self.rowsPerBlock = rowsPerBlock
        self.stride = stride
        self.kind = kind
    }

    private var table: Table<UInt32, [UInt8]> { Table(name) }

    /// The column with as many rows a block as its first block says: files of earlier versions may have fewer. One that is
    /// damaged says nothing; whoever reads it finds out. O(log n).
    package func asStored(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> BlockColumn {
        guard let value = try transaction.context.value(name, UInt32(0).keyBytes), let header = BlockHeader(value),
            header.kind == kind, header.stride == UInt32(stride), header.rowsPerBlock.nonzeroBitCount == 1,
            Int(header.rowsPerBlock) <= (1 << 30) / stride
        else { return self }
        return BlockColumn(name: name, rowsPerBlock: Int(header.rowsPerBlock), stride: stride, kind: kind)
    }

    /// Number of rows. O(log n).
    ///
    /// - Throws: `corrupted`.
    package func count(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> Int {
        guard let last = try table.lastKey(in: transaction) else { return 0 }
        let block = Int(last)
        guard block <= Int(Int32.max) else { throw damaged(block, "its number is absurd", transaction.context) }
        return block * rowsPerBlock + (try rows(ofBlock: block, in: transaction.context)).count / stride
    }

    // MARK: Writing

    /// Writes `rows` (count · stride bytes) as rows `firstRow` and on. What was at `firstRow` and after is dropped: the
    /// column ends with the last row given.
    ///
    /// - Throws: `outOfRange` if rows before `firstRow` are missing or `rows` is no whole number of rows, `corrupted`,
    ///   `mapFull`.
    package func append(
        _ rows: UnsafeRawBufferPointer, at firstRow: Int, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        try checkRange(rows, firstRow, upTo: .max, transaction.context)
        try truncate(to: firstRow, in: &transaction)
        try write(rows, at: firstRow, count: firstRow, in: &transaction)
    }

    /// Writes `rows` (count · stride bytes) over the rows `firstRow` and on, all of which must exist.
    ///
    /// - Throws: `outOfRange`, `corrupted`, `mapFull`.
    package func overwrite(
        _ rows: UnsafeRawBufferPointer, at firstRow: Int, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        let count = try count(in: transaction)
        try checkRange(rows, firstRow, upTo: count, transaction.context)
        try write(rows, at: firstRow, count: count, in: &transaction)
    }

    /// Makes `rows` (count · stride bytes) the whole column.
    ///
    /// - Throws: `outOfRange` if `rows` is no whole number of rows, `mapFull`.
    package func replaceAll(_ rows: UnsafeRawBufferPointer, in transaction: inout WriteTransaction) throws(StoreError) {
        try table.removeAll(in: &transaction)
        try append(rows, at: 0, in: &transaction)
    }

    /// Drops the rows from `count` on.
    ///
    /// - Throws: `outOfRange` if there are fewer, `corrupted`.
    package func truncate(to count: Int, in transaction: inout WriteTransaction) throws(StoreError) {
        let present = try self.count(in: transaction)
        guard count >= 0, count <= present else {
            throw outOfRange("row \(count) of a column of \(present) rows", transaction.context)
        }
        let kept = (count + rowsPerBlock - 1) / rowsPerBlock
        for block in (kept..<max(kept, blocks(present))).reversed() {
            try table.remove(UInt32(block), in: &transaction)
        }
        let rest = count % rowsPerBlock
        if count < present, rest > 0 {
            let rows = Array(try self.rows(ofBlock: kept - 1, in: transaction.context).prefix(rest * stride))
            try put(rows, block: kept - 1, in: &transaction)
        }
    }

    /// Writes rows over a column of `count` rows, firstRow <= count.
    private func write(
        _ rows: UnsafeRawBufferPointer, at firstRow: Int, count: Int, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        var next = 0
        while next < rows.count {
            let row = firstRow + next / stride
            let (block, offset) = (row / rowsPerBlock, row % rowsPerBlock)
            let bytes = min(rows.count - next, (rowsPerBlock - offset) * stride)
            let part = UnsafeRawBufferPointer(rebasing: rows[next..<next + bytes])
            let present = min(rowsPerBlock, max(0, count - block * rowsPerBlock)) * stride
            if offset == 0 && bytes >= present {
                try put(part, block: block, in: &transaction)
            } else {
                var merged = Array(try self.rows(ofBlock: block, in: transaction.context))
                let start = offset * stride
                merged.replaceSubrange(start..<min(merged.count, start + bytes), with: part)
                try put(merged, block: block, in: &transaction)
            }
            next += bytes
        }
    }

    private func put(_ rows: [UInt8], block: Int, in transaction: inout WriteTransaction) throws(StoreError) {
        let failure = rows.withUnsafeBytes { bytes -> StoreError? in
            do throws(StoreError) { try put(bytes, block: block, in: &transaction) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    private func put(
        _ rows: UnsafeRawBufferPointer, block: Int, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        let used = BlockHeader.bytes + rows.count
        let target = try transaction.context.reserve(
            name, UInt32(block).keyBytes, count: max(used, transaction.context.smallestBigValue))
        BlockHeader(
            kind: kind, block: UInt32(block), rows: UInt32(rows.count / stride), rowsPerBlock: UInt32(rowsPerBlock),
            stride: UInt32(stride), checksum: crc32(of: rows)
        ).write(to: target)
        UnsafeMutableRawBufferPointer(rebasing: target[BlockHeader.bytes..<used]).copyMemory(from: rows)
        target[used...].initializeMemory(as: UInt8.self, repeating: 0)
    }

    // MARK: Reading

    /// The first `count` rows where they lie in the file, valid while the transaction is. The blocks are resolved and
    /// their headers checked once; the rows themselves are not read.
    ///
    /// - Throws: `outOfRange` if there are fewer rows, `corrupted` with the block and the reason.
    /// - Complexity: O(blocks).
    package func blockRows(count: Int, in transaction: borrowing ReadTransaction) throws(StoreError) -> BlockRows {
        let context = transaction.context
        precondition(count >= 0, "a column has no negative count")
        var pointers: [UnsafeRawPointer] = []
        let needed = blocks(count)
        pointers.reserveCapacity(needed)
        if needed > 0, var cursor = try Cursor(context, name) {
            var found = try cursor.start(from: nil)
            while found && pointers.count < needed {
                let block = pointers.count
                guard UInt32(keyBytes: cursor.key) == UInt32(block) else { throw missing(block, context) }
                let rows = try self.rows(in: cursor.value, block: block, context)
                let wanted = min(rowsPerBlock, count - block * rowsPerBlock)
                found = try cursor.next()
                guard rows.count >= wanted * stride, let base = rows.baseAddress else {
                    // Short blocks end a column.
                    if found { throw damaged(block, "it is not full", context) }
                    break
                }
                guard UInt(bitPattern: base) & 63 == 0 else {
                    throw damaged(block, "it is not aligned to 64 bytes", context)
                }
                pointers.append(base)
            }
        }
        guard pointers.count == needed else {
            throw outOfRange("\(count) rows of a column of \(try self.count(in: transaction))", context)
        }
        return BlockRows(blocks: pointers, rowsPerBlock: rowsPerBlock, stride: stride, count: count)
    }

    /// The rows of `range`, copied.
    ///
    /// - Throws: `outOfRange`, `corrupted`.
    package func rows(
        _ range: Range<Int>, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [UInt8] {
        let count = try count(in: transaction)
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw outOfRange("rows \(range.lowerBound) to \(range.upperBound) of \(count)", transaction.context)
        }
        var result: [UInt8] = []
        result.reserveCapacity(range.count * stride)
        var row = range.lowerBound
        while row < range.upperBound {
            let (block, offset) = (row / rowsPerBlock, row % rowsPerBlock)
            let end = min(rowsPerBlock, range.upperBound - block * rowsPerBlock)
            let rows = try self.rows(ofBlock: block, in: transaction.context)
            guard rows.count >= end * stride else { throw damaged(block, "it is not full", transaction.context) }
            result += rows[offset * stride..<end * stride]
            row += end - offset
        }
        return result
    }

    /// Lends the rows of a block where they lie in the file, after reading them against the checksum.
    ///
    /// - Throws: `corrupted` with the block and the reason, and what `body` throws.
    package func withBlock<R>(
        _ block: Int, in transaction: borrowing some Transaction & ~Copyable,
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        let context = transaction.context
        let key = UInt32(clamping: block).keyBytes
        guard let value = try context.value(name, key) else { throw missing(block, context) }
        let rows = try self.rows(in: value, block: block, context)
        guard BlockHeader(value)?.checksum == crc32(of: rows) else {
            throw damaged(block, "its checksum is wrong", context)
        }
        return try body(rows)
    }

    /// Reads every row against its block's checksum, and checks that no block is missing or short.
    ///
    /// - Returns: the number of rows.
    /// - Throws: `corrupted` with the block and the reason.
    @discardableResult
    package func verify(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> Int {
        let context = transaction.context
        guard var cursor = try Cursor(context, name) else { return 0 }
        var (block, count) = (0, 0)
        var found = try cursor.start(from: nil)
        while found {
            guard UInt32(keyBytes: cursor.key) == UInt32(block) else { throw missing(block, context) }
            let rows = try self.rows(in: cursor.value, block: block, context)
            guard count == block * rowsPerBlock else { throw damaged(block - 1, "it is not full", context) }
            guard let header = BlockHeader(cursor.value), header.checksum == crc32(of: rows) else {
                throw damaged(block, "its checksum is wrong", context)
            }
            count += rows.count / stride
            block += 1
            found = try cursor.next()
        }
        return count
    }

    private func rows(ofBlock block: Int, in context: TransactionContext) throws(StoreError) -> UnsafeRawBufferPointer {
        guard let value = try context.value(name, UInt32(block).keyBytes) else { throw missing(block, context) }
        return try rows(in: value, block: block, context)
    }

    /// The rows of a block behind its checked header.
    private func rows(
        in value: UnsafeRawBufferPointer, block: Int, _ context: TransactionContext
    ) throws(StoreError) -> UnsafeRawBufferPointer {
        guard let header = BlockHeader(value) else { throw damaged(block, "its header is damaged", context) }
        let expected = BlockHeader(
            kind: kind, block: UInt32(block), rows: header.rows, rowsPerBlock: UInt32(rowsPerBlock),
            stride: UInt32(stride), checksum: header.checksum)
        guard header == expected else {
            throw damaged(
                block,
                "it holds kind \(header.kind), \(header.rowsPerBlock) rows of \(header.stride) bytes as block "
                    + "\(header.block), not kind \(kind), \(rowsPerBlock) rows of \(stride) bytes", context)
        }
        guard header.rows > 0, Int(header.rows) <= rowsPerBlock,
            BlockHeader.bytes + Int(header.rows) * stride <= value.count
        else { throw damaged(block, "it claims \(header.rows) rows in \(value.count) bytes", context) }
        let end = BlockHeader.bytes + Int(header.rows) * stride
        return UnsafeRawBufferPointer(rebasing: value[BlockHeader.bytes..<end])
    }

    // MARK: Errors and small sums

    private func blocks(_ rows: Int) -> Int { (rows + rowsPerBlock - 1) / rowsPerBlock }

    private func checkRange(
        _ rows: UnsafeRawBufferPointer, _ firstRow: Int, upTo count: Int, _ context: TransactionContext
    ) throws(StoreError) {
        let end = firstRow + rows.count / stride
        guard rows.count % stride == 0, firstRow >= 0, end <= count, blocks(end) <= Int(Int32.max) else {
            throw outOfRange("\(rows.count) bytes (\(stride) per row) at row \(firstRow)", context)
        }
    }

    private func outOfRange(_ what: String, _ context: TransactionContext) -> StoreError {
        StoreError(.outOfRange, path: context.path, table: name, reason: "\(what): there are no such rows")
    }

    private func missing(_ block: Int, _ context: TransactionContext) -> StoreError {
        damaged(block, "it is missing", context)
    }

    private func damaged(_ block: Int, _ reason: String, _ context: TransactionContext) -> StoreError {
        StoreError(
            .corrupted, path: context.path, table: name, block: block, reason: "a block is damaged: \(reason)",
            advice: "restore the file from a copy")
    }
}

extension TransactionContext {
    /// LMDB puts values below half a page into the leaf, where they are not aligned.
    var smallestBigValue: Int { core.pageSize / 2 }
}
