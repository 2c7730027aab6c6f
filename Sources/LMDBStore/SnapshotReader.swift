internal import Glibc

/// Looks up one small value in a snapshot by reading the file, also in the snapshot before the last, which LMDB shows to
/// nobody. What is not as it should be gives nil: damage is found by `PageWalk`.
///
/// The pages of the snapshot before the last stay as they are until the next commit: LMDB uses a page again only when
/// two commits no longer need it.
struct SnapshotReader {
    private static let headerBytes = 16
    private static let nodeBytes = 8
    private static let isBigOrTable: UInt16 = 0x07

    let descriptor: CInt
    let pageSize: Int

    /// The number of the commit that a snapshot is, by its own record.
    func commitNumber(of snapshot: FileHeader.Snapshot) -> UInt64? {
        guard let tree = value(Array(CommitRecord.table.utf8), in: snapshot.mainTree, isTable: true),
            tree.count == FileHeader.Tree.bytes,
            let bytes = value(
                Array(CommitRecord.key.utf8), in: tree.withUnsafeBytes { FileHeader.Tree($0) }, isTable: false)
        else { return nil }
        return bytes.withUnsafeBytes { CommitRecord($0)?.number }
    }

    private func value(_ key: [UInt8], in tree: FileHeader.Tree, isTable: Bool) -> [UInt8]? {
        var number = tree.root
        guard tree.depth <= 32 else { return nil }
        for level in stride(from: Int(tree.depth), to: 0, by: -1) {
            guard let page = page(number), let node = Self.node(key, on: page, isBranch: level > 1) else { return nil }
            let flags = page.integer(node + 4, UInt16.self)
            let low = UInt64(page.integer(node, UInt16.self)) | UInt64(page.integer(node + 2, UInt16.self)) << 16
            if level > 1 {
                number = low | UInt64(flags) << 32
                continue
            }
            let start = node + Self.nodeBytes + key.count
            guard flags & Self.isBigOrTable == (isTable ? 2 : 0), low <= UInt64(pageSize - start) else { return nil }
            return Array(page[start..<start + Int(low)])
        }
        return nil
    }

    private func page(_ number: UInt64) -> [UInt8]? {
        guard number > 1, number < UInt64(Int64.max) / UInt64(pageSize) else { return nil }
        var page = [UInt8](repeating: 0, count: pageSize)
        let count = page.withUnsafeMutableBytes { readFully(descriptor, $0, at: Int(number) * pageSize) }
        return count == pageSize && page.integer(0, UInt64.self) == number ? page : nil
    }

    /// Where the node begins that holds the key or, on a branch page, leads to it.
    private static func node(_ key: [UInt8], on page: [UInt8], isBranch: Bool) -> Int? {
        let lower = Int(page.integer(12, UInt16.self))
        guard page.integer(10, UInt16.self) & 0x0F == (isBranch ? 1 : 2), lower >= headerBytes, lower <= page.count
        else { return nil }
        var last: Int?
        for index in 0..<(lower - headerBytes) / 2 {
            let node = Int(page.integer(headerBytes + 2 * index, UInt16.self))
            guard node >= headerBytes, node + nodeBytes <= page.count else { return nil }
            let end = node + nodeBytes + Int(page.integer(node + 6, UInt16.self))
            guard end <= page.count else { return nil }
            let found = page[(node + nodeBytes)..<end]
            if isBranch {
                if index > 0, key.lexicographicallyPrecedes(found) { break }
                last = node
            } else if found.elementsEqual(key) {
                return node
            }
        }
        return last
    }
}

extension DatabaseFile {
    /// Checks by the commits' own numbers that the snapshot which LMDB takes for the newest one is.
    ///
    /// - Throws: `corrupted`, and as `FileHeader`.
    func checkIsNewest() throws(StoreError) {
        var header = try FileHeader(descriptor: descriptor, path: path)
        for _ in 0..<1000 {
            let reader = SnapshotReader(descriptor: descriptor, pageSize: header.pageSize)
            let numbers = header.snapshots.map { reader.commitNumber(of: $0) }
            guard let newest = numbers[0], let older = numbers[1], newest != older &+ 1 else { return }
            // Or were they overwritten while they were read?
            let again = try FileHeader(descriptor: descriptor, path: path)
            guard again.snapshots != header.snapshots else {
                throw StoreError(
                    .corrupted, path: path,
                    reason: "the header is damaged: it shows commit \(newest) as the one after commit \(older)",
                    advice: "restore the file from a copy")
            }
            header = again
        }
    }
}

extension [UInt8] {
    /// The little-endian integer at `offset`.
    func integer<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "outside of the page")
        return withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}
