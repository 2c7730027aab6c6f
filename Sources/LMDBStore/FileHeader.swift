internal import Glibc

/// What LMDB's two meta pages say about the file, read by ourselves: LMDB maps whatever it is given, and dies of
/// SIGBUS in a file that is shorter than it believes.
///
/// Layout (LMDB 0.9, `struct MDB_page` and `struct MDB_meta`; little-endian 64-bit hosts): a page begins with a 16-byte
/// header (page number u64, pad u16, flags u16, lower u16, upper u16), then magic u32, version u32, address u64,
/// map size u64, two 48-byte table records (free pages, main), last page u64, transaction id u64.
struct FileHeader {
    /// One snapshot: what a commit made visible.
    struct Snapshot: Equatable {
        let transactionID: UInt64
        /// The highest page number in use.
        let lastPage: UInt64
        let freeTree: Tree
        let mainTree: Tree
        /// The page's first ``FileHeader/metaBytes`` bytes.
        let meta: [UInt8]

        /// A header page of the commit before that has no tables (roots of ``Tree/noRoot``, last page 1).
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
            put(max(1, transactionID) - 1, at: 144)
            return bytes
        }
    }

    /// The root of a B-tree (`struct MDB_db`, 48 bytes).
    struct Tree: Equatable {
        static let bytes = 48
        static let noRoot = UInt64.max
        let flags: UInt16
        let depth: UInt16
        let branchPages: UInt64
        let leafPages: UInt64
        let bigPages: UInt64
        let entries: UInt64
        let root: UInt64

        init(_ record: UnsafeRawBufferPointer) {
            flags = UInt16(littleEndian: record.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
            depth = UInt16(littleEndian: record.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
            branchPages = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            leafPages = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            bigPages = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            entries = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
            root = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 40, as: UInt64.self))
        }
    }

    static let magic: UInt32 = 0xBEEF_C0DE
    static let version: UInt32 = 1
    private static let metaFlag: UInt16 = 0x08
    static let metaBytes = 152

    let pageSize: Int
    /// As they lie in the file.
    private let pages: [Snapshot]
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
        // A writer may commit between the two readings: both are of one moment if the first page stayed as it was.
        var header = try FileHeader(readingOnce: descriptor, path: path)
        for _ in 0..<1000 {
            let again = try FileHeader(readingOnce: descriptor, path: path)
            if again.pages.first == header.pages.first { break }
            header = again
        }
        try header.checkOrder(path)
        self = header
    }

    private init(readingOnce descriptor: CInt, path: String) throws(StoreError) {
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
        pages = [a, b]
        snapshots = a.transactionID >= b.transactionID ? [a, b] : [b, a]
    }

    /// Commit n writes page n mod 2, and LMDB reads the one that the parity names: were the newer one elsewhere, LMDB
    /// would map another snapshot than the one that is looked at here. So the other page holds commit n − 1: a number
    /// further away is damaged. In a new file both are 0.
    private func checkOrder(_ path: String) throws(StoreError) {
        for (page, snapshot) in pages.enumerated()
        where snapshot.transactionID != 0 && snapshot.transactionID & 1 != UInt64(page) {
            throw StoreError(
                .corrupted, path: path, reason: "header page \(page) holds a commit that belongs on the other one",
                advice: "restore the file from a copy")
        }
        let (newest, older) = (snapshots[0].transactionID, snapshots[1].transactionID)
        guard newest == older + 1 || newest == 0 else {
            throw StoreError(
                .corrupted, path: path,
                reason: "the header pages hold commits \(older) and \(newest), which do not follow each other",
                advice: "restore the file from a copy")
        }
    }

    /// Whether a file is the first of two pages that a new file is begun with, before any commit. (A database that was cut
    /// off there has nothing either.)
    static func isUnbegun(descriptor: CInt, fileBytes: UInt64) -> Bool {
        var first = [UInt8](repeating: 0, count: metaBytes)
        guard fileBytes >= UInt64(metaBytes), fileBytes <= 65536,
            first.withUnsafeMutableBytes({ readFully(descriptor, $0, at: 0) }) == metaBytes, isMeta(first)
        else { return false }
        return load(first, 40, as: UInt32.self) >= fileBytes && load(first, 144, as: UInt64.self) == 0
    }

    private static func meta(_ descriptor: CInt, at offset: Int, _ path: String) throws(StoreError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: metaBytes)
        let count = bytes.withUnsafeMutableBytes { readFully(descriptor, $0, at: offset) }
        guard count >= 0 else { throw StoreError(systemCode: errno, path: path, doing: "reading the header") }
        return Array(bytes.prefix(count))
    }

    static func isMeta(_ meta: [UInt8]) -> Bool {
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
