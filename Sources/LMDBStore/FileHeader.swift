internal import Glibc

/// What LMDB's two meta pages say about the file, read by ourselves: LMDB maps whatever it is given, and dies of
/// SIGBUS in a file that is shorter than it believes.
///
/// Layout (LMDB 0.9, `struct MDB_page` and `struct MDB_meta`; little-endian 64-bit hosts): a page begins with a 16-byte
/// header (page number u64, pad u16, flags u16, lower u16, upper u16), then magic u32, version u32, address u64,
/// map size u64, two 48-byte table records (free pages, main), last page u64, transaction id u64.
struct FileHeader {
    /// One snapshot: what a commit made visible.
    struct Snapshot {
        let transactionID: UInt64
        /// The highest page number in use.
        let lastPage: UInt64
        let freeTree: Tree
        let mainTree: Tree
        /// The page's first ``FileHeader/metaBytes`` bytes.
        let meta: [UInt8]

        /// The header page of a new file: page number, commit 0, no tables (a root of ``Tree/noRoot``, last page 1).
        func emptyMeta(page: Int) -> [UInt8] {
            var bytes = meta
            func put(_ value: UInt64, at offset: Int) {
                withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + 8, with: $0) }
            }
            put(UInt64(page), at: 0)
            for tree in [40, 88] {
                // Depth, pages and entries; the page size, which LMDB keeps in the first tree, and flags stay.
                bytes.replaceSubrange(tree + 6..<tree + 40, with: [UInt8](repeating: 0, count: 34))
                put(Tree.noRoot, at: tree + 40)
            }
            put(1, at: 136)
            put(0, at: 144)
            return bytes
        }
    }

    /// The root of a B-tree (`struct MDB_db`, 48 bytes).
    struct Tree {
        static let bytes = 48
        static let noRoot = UInt64.max
        let flags: UInt16
        let depth: UInt16
        let entries: UInt64
        let root: UInt64

        init(_ record: UnsafeRawBufferPointer) {
            flags = UInt16(littleEndian: record.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
            depth = UInt16(littleEndian: record.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
            entries = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
            root = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 40, as: UInt64.self))
        }
    }

    static let magic: UInt32 = 0xBEEF_C0DE
    static let version: UInt32 = 1
    private static let metaFlag: UInt16 = 0x08
    static let metaBytes = 152

    let pageSize: Int
    /// Both, the newer one first.
    let snapshots: [Snapshot]

    var newest: Snapshot { snapshots[0] }

    /// Bytes that the newest snapshot claims; nil if the number is absurd.
    var claimedBytes: UInt64? {
        let (pages, overflow) = newest.lastPage.addingReportingOverflow(1)
        let (bytes, tooLarge) = pages.multipliedReportingOverflow(by: UInt64(pageSize))
        return overflow || tooLarge || bytes > UInt64(Int64.max) ? nil : bytes
    }

    /// Reads both meta pages of an open file.
    ///
    /// - Throws: `notADatabase`, `versionMismatch`, `truncated` (shorter than the meta pages), `corrupted`, `io`.
    init(descriptor: CInt, path: String) throws(StoreError) {
        let foreign = StoreError(
            .notADatabase, path: path, reason: "not an embdb database", advice: "name a file that embdb wrote")
        let first = try Self.meta(descriptor, at: 0, path)
        guard first.count == Self.metaBytes, Self.isMeta(first) else { throw foreign }
        let size = Int(Self.load(first, 40, as: UInt32.self))
        guard size >= 512, size <= 65536, size & (size - 1) == 0 else { throw foreign }
        let second = try Self.meta(descriptor, at: size, path)
        guard second.count == Self.metaBytes else {
            throw StoreError(
                .truncated, path: path, missingBytes: UInt64(Self.metaBytes - second.count),
                reason: "the file is cut off within its header", advice: "restore it from a copy")
        }
        guard Self.isMeta(second), Int(Self.load(second, 40, as: UInt32.self)) == size else { throw foreign }
        for meta in [first, second] where Self.load(meta, 20, as: UInt32.self) != Self.version {
            throw StoreError(
                .versionMismatch, path: path, reason: "written by another version of LMDB",
                advice: "use the LMDB that wrote it")
        }
        pageSize = size
        let (a, b) = (Self.snapshot(first), Self.snapshot(second))
        // Commit n writes page n mod 2, and LMDB reads the one that the parity names: were the newer one elsewhere, LMDB
        // would map another snapshot than the one that is looked at here. In a new file both are 0.
        for (page, snapshot) in [a, b].enumerated()
        where snapshot.transactionID != 0 && snapshot.transactionID & 1 != UInt64(page) {
            throw StoreError(
                .corrupted, path: path, reason: "header page \(page) holds a commit that belongs on the other one",
                advice: "restore the file from a copy")
        }
        snapshots = a.transactionID >= b.transactionID ? [a, b] : [b, a]
    }

    private static func meta(_ descriptor: CInt, at offset: Int, _ path: String) throws(StoreError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: metaBytes)
        let count = bytes.withUnsafeMutableBytes { readFully(descriptor, $0, at: offset) }
        guard count >= 0 else { throw StoreError(systemCode: errno, path: path, doing: "reading the header") }
        return Array(bytes.prefix(count))
    }

    private static func isMeta(_ meta: [UInt8]) -> Bool {
        load(meta, 10, as: UInt16.self) & metaFlag != 0 && load(meta, 16, as: UInt32.self) == magic
    }

    private static func snapshot(_ meta: [UInt8]) -> Snapshot {
        meta.withUnsafeBytes { raw in
            Snapshot(
                transactionID: load(meta, 144, as: UInt64.self), lastPage: load(meta, 136, as: UInt64.self),
                freeTree: Tree(UnsafeRawBufferPointer(rebasing: raw[40..<88])),
                mainTree: Tree(UnsafeRawBufferPointer(rebasing: raw[88..<136])), meta: meta)
        }
    }

    private static func load<T: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, as type: T.Type) -> T {
        bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}

/// Reads until `buffer` is full or the file ends.
///
/// - Returns: the number of bytes read, −1 with `errno` set if reading failed.
func readFully(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    var done = 0
    while done < buffer.count {
        let count = pread(
            descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
        if count < 0 && errno == EINTR { continue }
        if count < 0 { return -1 }
        if count == 0 { break }
        done += count
    }
    return done
}
