/// The record `commit` of the table `meta`, which every commit of a file with that table writes: which commit it is,
/// and a checksum of the other records. 16 bytes, little-endian:
///
/// | offset | type | |
/// |---|---|---|
/// | 0 | u32 | CRC-32 of the 12 bytes after |
/// | 4 | u64 | number of this commit: that of the one before + 1 |
/// | 12 | u32 | CRC-32 over the other records in key order: for each the lengths of key and value (u32), key, value |
///
/// The number tells a stale state: LMDB shows the commit whose header page has the higher number, and were a bit of
/// that number changed, it would show the commit before, which is whole in itself. The checksum tells a record that is
/// missing.
struct CommitRecord: Equatable {
    static let table = "meta"
    static let key = "commit"
    static let bytes = 16

    var number: UInt64
    var checksum: UInt32

    init(number: UInt64, checksum: UInt32) {
        self.number = number
        self.checksum = checksum
    }

    /// nil if these are not 16 bytes that `encoded` gives.
    init?(_ raw: UnsafeRawBufferPointer) {
        guard raw.count == Self.bytes,
            UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self))
                == crc32(of: UnsafeRawBufferPointer(rebasing: raw[4...]))
        else { return nil }
        number = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        checksum = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    }

    var encoded: [UInt8] {
        let content =
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
            + withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
        let seal = content.withUnsafeBytes { crc32(of: $0) }
        return withUnsafeBytes(of: seal.littleEndian) { Array($0) } + content
    }

    /// nil for a file whose commits are not counted.
    ///
    /// - Throws: `corrupted`.
    static func read(_ context: TransactionContext) throws(StoreError) -> CommitRecord? {
        guard let value = try context.value(table, Array(key.utf8)) else { return nil }
        guard let record = CommitRecord(value) else { throw damaged("the record commit is damaged", context.path) }
        return record
    }

    /// The checksum of all other records. O(their bytes).
    static func checksum(_ context: TransactionContext) throws(StoreError) -> UInt32 {
        guard var cursor = try Cursor(context, table) else { return 0 }
        var sum: UInt32 = 0
        var found = try cursor.start(from: nil)
        while found {
            if !cursor.key.elementsEqual(key.utf8) {
                for length in [cursor.key.count, cursor.value.count] {
                    withUnsafeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian) {
                        sum = crc32(of: $0, on: sum)
                    }
                }
                sum = crc32(of: cursor.value, on: crc32(of: cursor.key, on: sum))
            }
            found = try cursor.next()
        }
        return sum
    }

    static func damaged(_ reason: String, _ path: String) -> StoreError {
        StoreError(.corrupted, path: path, table: table, reason: reason, advice: "restore the file from a copy")
    }
}

extension WriteTransaction {
    /// Counts the commit that is about to be made.
    mutating func countCommit() throws(StoreError) {
        guard context.tables[CommitRecord.table] != nil else { return }
        let last = try CommitRecord.read(context)?.number ?? 0
        let record = CommitRecord(number: last &+ 1, checksum: try CommitRecord.checksum(context))
        try context.reserve(CommitRecord.table, Array(CommitRecord.key.utf8), count: CommitRecord.bytes)
            .copyBytes(from: record.encoded)
    }
}

extension Transaction where Self: ~Copyable {
    /// Checks that the records of `meta` are those of the last commit, none changed and none missing. O(their bytes).
    ///
    /// - Throws: `corrupted`.
    package func verifyMetaRecords() throws(StoreError) {
        guard let record = try CommitRecord.read(context) else { return }
        guard try record.checksum == CommitRecord.checksum(context) else {
            throw CommitRecord.damaged("the records are not those of the last commit", context.path)
        }
    }
}
