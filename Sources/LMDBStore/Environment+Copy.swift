internal import Glibc

extension Environment {
    /// Copies the last commit, as a database, to an open, empty file, while others write. The copy is durable on return.
    ///
    /// All pages that the commit uses are read from the file: a reader's transaction keeps them from being used again
    /// meanwhile. Only the first two pages, which say what the last commits are, change under it; the copy gets its own.
    ///
    /// - Parameters:
    ///   - descriptor: of the new file; `path` is its name, for errors.
    ///   - progress: told of bytes done and in all.
    /// - Throws: `truncated`, `corrupted` if the pages of the B-trees are not whole, `diskFull`, `io`, `locked`, and what
    ///   `progress` throws.
    package func copy(
        to descriptor: CInt, path: String, progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        while true {
            let isDone = try read { transaction -> Bool in
                let source = transaction.context.core.file
                let header = try FileHeader(descriptor: source.descriptor, path: source.path)
                // Gone from the header if two commits came in between.
                guard let snapshot = header.snapshots.first(where: { $0.transactionID == transaction.identifier })
                else {
                    return false
                }
                try SnapshotCopy(
                    source: source, target: descriptor, targetPath: path, header: header, snapshot: snapshot
                )
                .perform(progress)
                return true
            }
            if isDone { return }
        }
    }
}

/// The pages of one snapshot on their way to another file.
private struct SnapshotCopy {
    let source: DatabaseFile
    let target: CInt
    let targetPath: String
    let header: FileHeader
    let snapshot: FileHeader.Snapshot

    private static let slice = 1 << 20

    func perform(_ progress: (_ done: Int, _ total: Int) throws -> Void) throws {
        let (pages, overflow) = snapshot.lastPage.addingReportingOverflow(1)
        guard !overflow, pages < UInt64(Int64.max) / UInt64(header.pageSize) else {
            throw StoreError(
                .corrupted, path: source.path, reason: "the header claims \(snapshot.lastPage) pages",
                advice: "restore the file from a copy")
        }
        let total = Int(pages) * header.pageSize
        var buffer = [UInt8](repeating: 0, count: Self.slice)
        var done = 2 * header.pageSize
        while done < total {
            try progress(done, total)
            let wanted = min(buffer.count, total - done)
            let count = buffer.withUnsafeMutableBytes { bytes in
                readFully(source.descriptor, UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]), at: done)
            }
            guard count >= 0 else { throw StoreError(systemCode: errno, path: source.path, doing: "reading") }
            try write(buffer[..<count], at: done)
            done += count
            // The file may be shorter than the header says: see `DatabaseFile.check`.
            if count < wanted { break }
        }
        try write(metaPages[...], at: 0)
        let copied = try FileHeader(descriptor: target, path: targetPath)
        try PageWalk.check(
            copied, copied.newest, descriptor: target, fileBytes: UInt64(done), path: source.path)
        guard ftruncate(target, off_t(total)) == 0, fsync(target) == 0 else {
            throw StoreError(systemCode: errno, path: targetPath, doing: "writing the copy")
        }
        try progress(total, total)
    }

    /// Both header pages: the snapshot's where its number belongs, and on the other one, for the commit before, an empty
    /// database: the pages of that commit are not copied.
    private var metaPages: [UInt8] {
        var pages = [UInt8](repeating: 0, count: 2 * header.pageSize)
        let place = Int(snapshot.transactionID & 1)
        for page in 0..<2 {
            pages.replaceSubrange(
                page * header.pageSize..<page * header.pageSize + FileHeader.metaBytes,
                with: page == place ? snapshot.meta : snapshot.emptyMeta(page: page))
        }
        return pages
    }

    private func write(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(StoreError) {
        var done = 0
        let code = bytes.withUnsafeBytes { raw -> CInt in
            while done < raw.count {
                let count = pwrite(target, raw.baseAddress.map { $0 + done }, raw.count - done, off_t(offset + done))
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return count < 0 ? errno : ENOSPC }
                done += count
            }
            return 0
        }
        guard code == 0 else { throw StoreError(systemCode: code, path: targetPath, doing: "writing the copy") }
    }
}
