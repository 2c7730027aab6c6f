internal import Glibc

extension Environment {
    /// Writes a new file that takes this one's place when `body` returns: the old or the new one is there, whole, whatever
    /// happens. Readers of all processes go on with the old file until their transaction ends and then see the new one;
    /// writers are kept out meanwhile.
    ///
    /// - Parameter body: is lent the last commit and the path at which it is to make the new database, which it closes.
    ///   What a former call left there is gone.
    /// - Throws: `other` (a file of the user has the name that the new one needs), `locked` (a writer, or another
    ///   rewriting), `readOnly`, `permission`, `diskFull`, `io`, and what `body` throws.
    package func rewrite<R>(_ body: (borrowing ReadTransaction, String) throws -> R) throws -> R {
        guard mode != .readOnly else {
            throw StoreError(.readOnly, path: path, reason: "the database was opened for reading only")
        }
        let lease = try current()
        // Of our own: the writers of this process hold and release the lock of theirs.
        let file = try DatabaseFile(path: path, creating: false, location: lease.core.file.location)
        switch PlaceLock.rewriting.take(file.descriptor, exclusive: true, waiting: 0) {
        case .taken: break
        case .busy:
            throw StoreError(
                .locked, path: path, reason: "the database is being compacted already",
                advice: "try again when that is done")
        case .impossible:
            throw StoreError(
                .io, path: path, reason: "the file system has no locks", advice: "copy the file to a local disk first")
        }
        try file.keepWritersOut(waiting: 2)
        guard file.isCurrent, file.identity == lease.core.file.identity else {
            throw StoreError(.locked, path: path, reason: "the file was replaced meanwhile", advice: "try again")
        }
        try file.checkMayReplace()
        try FileSwap.checkName(file.location)
        let new = FileSwap.newFile(file.location)
        func removeNew() { for name in [new, new + "-lock"] { unlink(name) } }
        try Leftover.remove(new)
        removeNew()
        do {
            let context = try lease.core.beginRead()
            defer { lease.core.endRead(context) }
            let result = try body(ReadTransaction(context: context), new)
            try Self.swap(file, with: new)
            return result
        } catch {
            removeNew()
            throw error
        }
    }

    private static func swap(_ file: DatabaseFile, with new: String) throws(StoreError) {
        let replacement = try DatabaseFile(path: new, creating: false)
        // In this process it would go on with the -lock file that goes away.
        guard !isOpen(replacement.identity) else {
            throw StoreError(.other, path: new, reason: "the new file is still open")
        }
        unlink(new + "-lock")
        try replacement.adoptRights(of: file)
        guard fsync(replacement.descriptor) == 0 else {
            throw StoreError(systemCode: errno, path: new, doing: "syncing the new file")
        }
        // From here on nobody opens the one or the other until all is done.
        for side in [file, replacement] {
            guard PlaceLock.opening.take(side.descriptor, exclusive: true, waiting: 10) == .taken else {
                throw StoreError(
                    .locked, path: file.path, reason: "the database is being opened all the time",
                    advice: "try again")
            }
        }
        try FileSwap.perform(file.location, old: file.identity.inode, new: replacement.identity.inode)
    }

    /// Bytes that may still be written to the disk of the database's folder.
    package func freeDiskBytes() throws(StoreError) -> Int {
        try Self.freeDiskBytes(beside: current().core.file.location)
    }

    /// Bytes that may still be written to the disk where `path` is to be.
    package static func freeDiskBytes(beside path: String) throws(StoreError) -> Int {
        let folder = DatabaseFile.folder(of: path)
        guard access(folder, F_OK) == 0 else {
            throw StoreError(
                .notFound, path: folder, systemCode: ENOENT, reason: "there is no such folder", advice: "make it first")
        }
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else {
            throw StoreError(systemCode: errno, path: folder, doing: "asking for free space")
        }
        return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}

extension DatabaseFile {
    /// In a folder like /tmp only the owner of a file may replace it, and the same goes for its `-lock` file.
    ///
    /// - Throws: `permission`.
    func checkMayReplace() throws(StoreError) {
        let folder = Self.folder(of: location)
        var status = stat()
        guard stat(folder, &status) == 0, access(folder, W_OK) == 0 else {
            throw Self.mayNotWrite(
                errno, folder, advice: "a new file is written there: change who may write in it")
        }
        guard status.st_mode & S_ISVTX != 0, geteuid() != 0, geteuid() != status.st_uid else { return }
        for name in [location, location + "-lock"] where stat(name, &status) == 0 && status.st_uid != geteuid() {
            throw StoreError(
                .permission, path: name,
                reason: "the file is somebody else's, and only they may replace it in this folder",
                advice: "ask them to do it")
        }
    }

    /// Gives the file the mode of another one, and its owner where that is permitted.
    func adoptRights(of other: DatabaseFile) throws(StoreError) {
        var status = stat()
        guard fstat(other.descriptor, &status) == 0 else {
            throw StoreError(systemCode: errno, path: other.path, doing: "reading who may use the file")
        }
        _ = fchown(descriptor, status.st_uid, status.st_gid)
        guard fchmod(descriptor, status.st_mode & 0o7777) == 0 else {
            throw StoreError(systemCode: errno, path: path, doing: "setting who may use the file")
        }
    }
}
