internal import Glibc

/// LMDB's `-lock` file, which every process maps and writes to.
enum LockFile {
    /// What LMDB makes it for `EnvironmentCore.maximumReaders`: 64 bytes a reader, 192 before the first one's.
    static let bytes = Int(EnvironmentCore.maximumReaders - 1) * 64 + 192

    /// Takes the space for the file. LMDB only sets its length, and where the disk is full the system ends a process
    /// that writes to a page of a map for which there is no space.
    ///
    /// - Throws: `diskFull`. Anything else is left to LMDB, which says what is wrong.
    static func reserve(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            if errno == ENOSPC || errno == EDQUOT { throw StoreError(systemCode: errno, path: path, doing: "locking") }
            return
        }
        // LMDB's locks on the file are of the process, and end when it closes any descriptor of the file: so this happens
        // before LMDB opens it, once in the process (`Environment.registry`).
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_blocks * 512 < bytes else { return }
        let failure = posix_fallocate(descriptor, 0, off_t(bytes))
        if failure == ENOSPC || failure == EDQUOT || failure == EFBIG {
            if status.st_size == 0 { unlink(path) }
            throw StoreError(systemCode: failure, path: path, doing: "locking")
        }
    }
}
