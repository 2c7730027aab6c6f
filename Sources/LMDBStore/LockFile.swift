internal import CLMDB
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

    // MARK: Whose it is

    /// Whether the `-lock` file is that of the file which was just opened with it.
    ///
    /// While others are there, LMDB believes the `-lock` file which commit is the last one, and shows the header page that
    /// its parity names. If another file has taken the name of one that is still open, that number is the other one's: LMDB
    /// would show the commit before, and the next one would undo the last.
    ///
    /// - Throws: `tooManyReaders`, what reading the header throws.
    static func agrees(
        _ environment: OpaquePointer, _ file: DatabaseFile, canWrite: Bool
    ) throws(StoreError) -> Bool {
        // A commit writes the header first, and then the number.
        for _ in 0..<10 {
            if try commitsBehind(environment, file) == 0 { return true }
            usleep(2000)
        }
        // A writer that was killed between the two: LMDB mends that when the next one begins. Of another file that is not
        // asked, whose writer might keep us waiting.
        guard canWrite, try commitsBehind(environment, file) == 1 else { return false }
        do throws(StoreError) {
            try file.lockExclusive(waiting: 2)
        } catch {
            return try commitsBehind(environment, file) == 0
        }
        defer { file.unlock() }
        var transaction: OpaquePointer?
        if mdb_txn_begin(environment, nil, 0, &transaction) == 0 { mdb_txn_abort(transaction) }
        return try commitsBehind(environment, file) == 0
    }

    /// How far LMDB is behind the file's header; nil if it is none of the file's commits that it shows.
    private static func commitsBehind(
        _ environment: OpaquePointer, _ file: DatabaseFile
    ) throws(StoreError) -> UInt64? {
        let before = try file.newestCommit()
        let transaction = try EnvironmentCore.begin(environment, flags: UInt32(MDB_RDONLY), path: file.path)
        let shown = UInt64(mdb_txn_id(transaction))
        mdb_txn_abort(transaction)
        let after = try file.newestCommit()
        if before <= shown && shown <= after { return 0 }
        return after == shown &+ 1 ? 1 : nil
    }

    static func isOfAnotherFile(_ file: DatabaseFile) -> StoreError {
        StoreError(
            .locked, path: file.path,
            reason: "the file has taken the name of another one, which a process still has open",
            advice: "end the processes that use the database, then try again")
    }
}
