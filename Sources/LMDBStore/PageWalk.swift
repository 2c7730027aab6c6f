internal import Glibc
internal import Numerics

/// Visits every page that a snapshot can reach, by reading the file rather than mapping it, so that no damage can
/// kill the process: page numbers, kinds and node bounds are checked, and no page may have two owners (a table, the
/// list of free pages).
///
/// Used for two questions: is the database whole (`verify`), and does a file that is shorter than its header says miss
/// anything? (LMDB does not write pages that one transaction takes at the end of the file and gives back.)
/// Big values themselves are not read, only the pages that lead to them: O(branch and leaf pages).
///
/// Node layout (LMDB 0.9, `struct MDB_node`): low u16, high u16, flags u16, key size u16, key, data.
struct PageWalk {
    private enum Kind {
        static let branch: UInt16 = 0x01
        static let leaf: UInt16 = 0x02
        static let overflow: UInt16 = 0x04
    }
    private enum NodeFlag {
        static let bigData: UInt16 = 0x01
        static let table: UInt16 = 0x02
        static let duplicates: UInt16 = 0x04
    }
    private enum TreeFlag {
        static let integerKeys: UInt16 = 0x08
    }
    private static let headerBytes = 16
    private static let nodeBytes = 8
    /// LMDB's cursors go no deeper.
    private static let maximumDepth = 32

    private let descriptor: CInt
    private let path: String
    private let pageSize: Int
    private let lastPage: UInt64
    private let claimedBytes: UInt64
    private let fileBytes: UInt64
    private var owned: Bitmap
    /// What the tree that is visited has so far.
    private var counts = Counts()

    private struct Counts: Equatable {
        var branchPages: UInt64 = 0
        var leafPages: UInt64 = 0
        var bigPages: UInt64 = 0
        var entries: UInt64 = 0
    }

    /// The keys that a page may hold: from `lower` up to `upper`, which is excluded.
    private struct Bounds {
        var lower: ArraySlice<UInt8>?
        var upper: ArraySlice<UInt8>?
    }

    /// - Throws: `truncated` if a page that holds something is past the end of the file, `corrupted`, `io`.
    static func check(
        _ header: FileHeader, _ snapshot: FileHeader.Snapshot, descriptor: CInt, fileBytes: UInt64, path: String
    ) throws(StoreError) {
        var walk = PageWalk(header, snapshot, descriptor: descriptor, fileBytes: fileBytes, path: path)
        try walk.check(snapshot.mainTree, table: nil, isFreeList: false)
        try walk.check(snapshot.freeTree, table: nil, isFreeList: true)
    }

    private init(
        _ header: FileHeader, _ snapshot: FileHeader.Snapshot, descriptor: CInt, fileBytes: UInt64, path: String
    ) {
        self.descriptor = descriptor
        self.path = path
        self.fileBytes = fileBytes
        pageSize = header.pageSize
        lastPage = snapshot.lastPage
        claimedBytes = header.claimedBytes ?? UInt64(Int64.max)
        owned = Bitmap(count: Int(fileBytes / UInt64(header.pageSize)))
    }

    private mutating func check(_ tree: FileHeader.Tree, table: String?, isFreeList: Bool) throws(StoreError) {
        // Keys of the free list are numbers (MDB_INTEGERKEY), beside the flags of the file; our tables have no flags.
        guard isFreeList ? tree.flags & 0x3F == TreeFlag.integerKeys : tree.flags == 0 else {
            throw corrupted("flags \(tree.flags) of a table", table)
        }
        guard tree.root != FileHeader.Tree.noRoot else {
            if tree.entries != 0 { throw corrupted("a table without pages claims \(tree.entries) entries", table) }
            return
        }
        guard tree.depth >= 1, Int(tree.depth) <= Self.maximumDepth else {
            throw corrupted("depth \(tree.depth) of a table", table)
        }
        counts = Counts()
        var tables: [(String, FileHeader.Tree)] = []
        try visit(
            tree.root, levels: Int(tree.depth), within: Bounds(), table: table, isFreeList: isFreeList, tables: &tables)
        guard counts.entries == tree.entries else {
            throw corrupted("\(counts.entries) entries where \(tree.entries) are expected", table)
        }
        let expected = Counts(
            branchPages: tree.branchPages, leafPages: tree.leafPages, bigPages: tree.bigPages, entries: tree.entries)
        guard counts == expected else { throw corrupted("another number of pages than is expected", table) }
        for (name, tree) in tables { try check(tree, table: name, isFreeList: false) }
    }

    private mutating func visit(
        _ number: UInt64, levels: Int, within bounds: Bounds, table: String?, isFreeList: Bool,
        tables: inout [(String, FileHeader.Tree)]
    ) throws(StoreError) {
        try own(number, count: 1, table)
        let page = try read(number, bytes: pageSize, table)
        let flags = page.integer(10, UInt16.self)
        let expected = levels == 1 ? Kind.leaf : Kind.branch
        guard page.integer(0, UInt64.self) == number, flags & 0x0F == expected,
            flags & 0xF0 == 0 || flags & 0xF0 == 0x10
        else { throw corrupted("page \(number) is not what its parent says", table) }
        let (lower, upper) = (Int(page.integer(12, UInt16.self)), Int(page.integer(14, UInt16.self)))
        guard lower >= Self.headerBytes, lower <= upper, upper <= pageSize, lower & 1 == 0 else {
            throw corrupted("page \(number) has impossible bounds", table)
        }
        if expected == Kind.branch { counts.branchPages += 1 } else { counts.leafPages += 1 }
        let nodes = (lower - Self.headerBytes) / 2
        let keys = try keys(page, number, nodes: nodes, isBranch: expected == Kind.branch, table)
        try check(keys, number, within: bounds, isBranch: expected == Kind.branch, isFreeList: isFreeList, table)
        for index in 0..<nodes {
            let offset = Int(page.integer(Self.headerBytes + 2 * index, UInt16.self))
            let dataStart = keys[index].endIndex
            let low = UInt64(page.integer(offset, UInt16.self)) | UInt64(page.integer(offset + 2, UInt16.self)) << 16
            let nodeFlags = page.integer(offset + 4, UInt16.self)
            if expected == Kind.branch {
                let child = low | UInt64(nodeFlags) << 32
                let inner = Bounds(
                    lower: index == 0 ? bounds.lower : keys[index],
                    upper: index + 1 < nodes ? keys[index + 1] : bounds.upper)
                try visit(
                    child, levels: levels - 1, within: inner, table: table, isFreeList: isFreeList, tables: &tables)
                continue
            }
            counts.entries += 1
            guard nodeFlags & NodeFlag.duplicates == 0 else {
                throw corrupted("page \(number), node \(index) has several values for one key", table)
            }
            let size = Int(low)
            let inPage = nodeFlags & NodeFlag.bigData != 0 ? 8 : size
            guard dataStart + inPage <= pageSize else {
                throw corrupted("page \(number), node \(index) has a value outside of its page", table)
            }
            if nodeFlags & NodeFlag.bigData != 0 {
                try checkBigValue(page.integer(dataStart, UInt64.self), size: size, table, isFreeList: isFreeList)
            } else if nodeFlags & NodeFlag.table != 0 {
                guard size == FileHeader.Tree.bytes, table == nil, !isFreeList else {
                    throw corrupted("page \(number), node \(index) is a damaged table record", table)
                }
                let key = keys[index]
                let record = page.withUnsafeBytes {
                    FileHeader.Tree(UnsafeRawBufferPointer(rebasing: $0[dataStart..<dataStart + size]))
                }
                tables.append((String(decoding: key, as: UTF8.self), record))
            } else if isFreeList {
                try checkFreeList(Array(page[dataStart..<dataStart + size]))
            }
        }
    }

    /// The keys of a page, each where it lies.
    private func keys(
        _ page: [UInt8], _ number: UInt64, nodes: Int, isBranch: Bool, _ table: String?
    ) throws(StoreError) -> [ArraySlice<UInt8>] {
        let upper = Int(page.integer(14, UInt16.self))
        var keys: [ArraySlice<UInt8>] = []
        keys.reserveCapacity(nodes)
        for index in 0..<nodes {
            let offset = Int(page.integer(Self.headerBytes + 2 * index, UInt16.self))
            guard offset >= upper, offset + Self.nodeBytes <= pageSize else {
                throw corrupted("page \(number), node \(index) is outside of its page", table)
            }
            let start = offset + Self.nodeBytes
            let end = start + Int(page.integer(offset + 6, UInt16.self))
            guard end <= pageSize else {
                throw corrupted("page \(number), node \(index) has a key outside of its page", table)
            }
            keys.append(page[start..<end])
        }
        return keys
    }

    /// Keys rise within a page and stay within what the parent says, or they would not be found. The first key of a
    /// branch page stands for all that is below the second one.
    private func check(
        _ keys: [ArraySlice<UInt8>], _ number: UInt64, within bounds: Bounds, isBranch: Bool, isFreeList: Bool,
        _ table: String?
    ) throws(StoreError) {
        var last = bounds.lower
        for (index, key) in keys.enumerated().dropFirst(isBranch ? 1 : 0) {
            if isFreeList, key.count != 8 { throw corrupted("page \(number), node \(index) has a damaged key", table) }
            // Only a page's first key may be the bound itself.
            let isFirst = index == (isBranch ? 1 : 0)
            if let last, precedes(key, last, isFreeList) || (!isFirst && key == last) {
                throw corrupted("page \(number), node \(index) is out of order", table)
            }
            last = key
        }
        if let last, let upper = bounds.upper, !keys.isEmpty, !precedes(last, upper, isFreeList) {
            throw corrupted("page \(number) is out of order", table)
        }
    }

    private func precedes(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>, _ areNumbers: Bool) -> Bool {
        areNumbers ? a.reversed().lexicographicallyPrecedes(b.reversed()) : a.lexicographicallyPrecedes(b)
    }

    private mutating func checkBigValue(
        _ number: UInt64, size: Int, _ table: String?, isFreeList: Bool
    ) throws(StoreError) {
        let start = try read(number, bytes: Self.headerBytes, table)
        let pages = Int(start.integer(12, UInt32.self))
        guard start.integer(0, UInt64.self) == number, start.integer(10, UInt16.self) & 0x0F == Kind.overflow,
            pages >= 1, size + Self.headerBytes <= pages * pageSize
        else { throw corrupted("page \(number) is not the big value that it should be", table) }
        try own(number, count: UInt64(pages), table)
        counts.bigPages += UInt64(pages)
        if isFreeList {
            let value = try read(number, bytes: Self.headerBytes + size, table)
            try checkFreeList(Array(value[Self.headerBytes...]))
        }
    }

    /// A free list is its length, then page numbers, all u64. Free pages may lie past the end of the file.
    private mutating func checkFreeList(_ list: [UInt8]) throws(StoreError) {
        guard list.count >= 8, list.integer(0, UInt64.self) <= UInt64(list.count / 8 - 1) else {
            throw corrupted("a damaged list of free pages", nil)
        }
        for index in 0..<Int(list.integer(0, UInt64.self)) {
            let number = list.integer(8 + 8 * index, UInt64.self)
            guard number > 1, number <= lastPage else { throw corrupted("free page \(number) does not exist", nil) }
            if number < UInt64(owned.count) { try own(number, count: 1, nil) }
        }
    }

    private mutating func own(_ number: UInt64, count: UInt64, _ table: String?) throws(StoreError) {
        guard number > 1, number <= lastPage, count <= lastPage - number + 1 else {
            throw corrupted("page \(number) does not exist", table)
        }
        guard number + count <= UInt64(owned.count) else { throw truncated(table) }
        for page in Int(number)..<Int(number + count) {
            guard !owned[page] else { throw corrupted("page \(page) belongs to two owners", table) }
            owned[page] = true
        }
    }

    private func read(_ number: UInt64, bytes: Int, _ table: String?) throws(StoreError) -> [UInt8] {
        guard number <= lastPage else { throw corrupted("page \(number) does not exist", table) }
        guard number < UInt64(owned.count) else { throw truncated(table) }
        var page = [UInt8](repeating: 0, count: bytes)
        let count = page.withUnsafeMutableBytes { readFully(descriptor, $0, at: Int(number) * pageSize) }
        guard count >= 0 else { throw StoreError(systemCode: errno, path: path, table: table, doing: "reading") }
        guard count == bytes else { throw truncated(table) }
        return page
    }

    private func truncated(_ table: String?) -> StoreError {
        let missing = claimedBytes > fileBytes ? claimedBytes - fileBytes : 0
        return StoreError(
            .truncated, path: path, table: table, missingBytes: missing,
            reason: "the file is truncated, \(missing) of \(claimedBytes) bytes are missing",
            advice: "restore it from a copy")
    }

    private func corrupted(_ reason: String, _ table: String?) -> StoreError {
        StoreError(.corrupted, path: path, table: table, reason: reason, advice: "restore the file from a copy")
    }
}
