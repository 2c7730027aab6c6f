internal import Glibc
internal import Synchronization

/// Our own descriptor of the database file, beside LMDB's: for the checks before LMDB maps it, for the writer's lock,
/// and for the extension after a commit. Closed with its owner.
///
/// The lock is `flock` on the database file itself (LMDB locks only its `-lock` file): it is released when the process
/// dies, needs no permission to write, and unlike LMDB's own mutex it can be tried.
final class DatabaseFile: Sendable {
    /// What a path leads to, whatever it is called.
    struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }

        /// What a path leads to; nil for nothing.
        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.init(status)
        }
    }

    let descriptor: CInt
    /// As the caller named it.
    let path: String
    /// The same without links, from the root: beside it the `-lock` file is, the same one for all names.
    let location: String
    let identity: Identity
    let isWritable: Bool
    /// Whether this call made the (empty) file.
    let isCreated: Bool
    /// Readers that share the lock because there is no `-lock` file (see `lockShared`).
    private let sharers = Mutex(0)

    /// Opens the file for reading and writing, or only for reading where more is not permitted.
    ///
    /// - Parameter location: where the path led when it was opened first: links and the working folder may have changed.
    /// - Throws: `notFound`, `notADatabase` (no regular file), `permission`, `io`.
    init(path: String, creating: Bool, location known: String? = nil) throws(StoreError) {
        let flags = O_CLOEXEC | O_NONBLOCK
        let name = known ?? path
        var (descriptor, writable, created) = (open(name, O_RDWR | flags), true, false)
        if descriptor < 0 && errno == ENOENT && creating {
            descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0o666)
            created = descriptor >= 0
            if descriptor < 0 && errno == EEXIST { descriptor = open(name, O_RDWR | flags) }
        }
        let refusal = errno
        if descriptor < 0 && [EACCES, EPERM, EROFS, EISDIR].contains(refusal) {
            (descriptor, writable) = (open(name, O_RDONLY | flags), false)
            // A file that could not be made is not there to be read: the refusal says more.
            if descriptor < 0 && errno == ENOENT && creating { errno = refusal }
        }
        guard descriptor >= 0 else {
            throw Self.openingError(errno, path: path, creating: creating)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw StoreError(
                .notADatabase, path: path, reason: "not a regular file", advice: "name the database file itself")
        }
        self.descriptor = descriptor
        self.path = path
        location = known ?? Self.resolved(path)
        isWritable = writable
        isCreated = created
        identity = Identity(status)
    }

    /// The locks are released first: a process that another thread starts in this moment has the descriptor until its `exec`,
    /// and would hold them.
    deinit {
        PlaceLock.releaseAll(descriptor)
        unlock()
        close(descriptor)
    }

    private static func resolved(_ path: String) -> String {
        guard let name = realpath(path, nil) else { return path }
        defer { free(name) }
        return String(cString: name)
    }

    /// Whether the path still leads to this file.
    var isCurrent: Bool { currentIdentity == identity }

    /// What the path leads to now; nil for nothing.
    var currentIdentity: Identity? { Identity(of: location) }

    /// Bytes in the file now.
    func size() throws(StoreError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw StoreError(systemCode: errno, path: path, doing: "reading the file's size")
        }
        return UInt64(status.st_size)
    }

    /// Whether the file is empty, or was left by a process that was killed while it wrote the header of a new file.
    func isUnbegun() throws(StoreError) -> Bool {
        let size = try size()
        return size == 0 || FileHeader.isUnbegun(descriptor: descriptor, fileBytes: size)
    }

    /// Takes the writer's lock, trying again for `seconds`. File systems without locks are passed over: LMDB's own
    /// mutex still keeps writers apart there.
    ///
    /// - Throws: `locked`, naming the process that holds it where `/proc/locks` tells.
    func lockExclusive(waiting seconds: Double) throws(StoreError) { try lock(LOCK_EX, waiting: seconds) }

    func unlock() { _ = flock(descriptor, LOCK_UN) }

    /// Keeps writers out, not readers, until the owner is gone.
    ///
    /// - Throws: `locked`; `io` where the file system has no locks.
    func keepWritersOut(waiting seconds: Double) throws(StoreError) {
        try lock(LOCK_SH, waiting: seconds)
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
            throw StoreError(
                .io, path: path, reason: "the file system has no locks", advice: "copy the file to a local disk first")
        }
    }

    /// Keeps writers out while a reader without LMDB's `-lock` file reads: nothing else would stop them from reusing the
    /// pages it looks at. Writers of this process cannot exist then.
    func lockShared(waiting seconds: Double) throws(StoreError) {
        let outcome = sharers.withLock { count -> StoreError? in
            if count == 0 {
                do throws(StoreError) { try lock(LOCK_SH, waiting: seconds) } catch { return error }
            }
            count += 1
            return nil
        }
        if let outcome { throw outcome }
    }

    func unlockShared() {
        sharers.withLock { count in
            count -= 1
            if count == 0 { unlock() }
        }
    }

    private func lock(_ kind: CInt, waiting seconds: Double) throws(StoreError) {
        let start = now()
        while flock(descriptor, kind | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else { return }
            guard now() - start < seconds else {
                throw lockedError()
            }
            usleep(10_000)
        }
    }

    /// Why the lock is not free: a writer, or a reader that shares the lock (`lockShared`).
    private func lockedError() -> StoreError {
        let holder = lockHolder()
        let process = holder.map { "process \($0.process)" } ?? "another process"
        if holder?.isReader == true {
            return StoreError(
                .locked, path: path, systemCode: EWOULDBLOCK,
                reason: "\(process) reads the database and keeps writers out, to compact it or since it may not write "
                    + "its -lock file",
                advice: "try again when it is done")
        }
        return StoreError(
            .locked, path: path, systemCode: EWOULDBLOCK, reason: "\(process) is writing to the database",
            advice: "try again when it is done")
    }

    /// The process that holds a `flock` on this file, and whether it shares it, by `/proc/locks`
    /// (`1: FLOCK  ADVISORY  WRITE 1234 fe:00:1835 0 EOF`).
    private func lockHolder() -> (process: Int, isReader: Bool)? {
        let descriptor = open("/proc/locks", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count >= 6, fields[1] == "FLOCK", let pid = Int(fields[4]), pid > 0,
                fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == identity.inode
            else { continue }
            return (pid, fields[3] == "READ")
        }
        return nil
    }

    private func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

extension DatabaseFile {
    /// The number of the last commit, by the header.
    ///
    /// - Throws: `notADatabase`, `versionMismatch`, `truncated`, `corrupted`, `io`.
    func newestCommit() throws(StoreError) -> UInt64 {
        try FileHeader(descriptor: descriptor, path: path).newest.transactionID
    }

    /// Checks the header, that the newest commit is the one that it shows, and that no page which holds something is past
    /// the end of the file.
    ///
    /// LMDB writes no page that one transaction takes at the end of the file and gives back, so a sound file may be
    /// shorter than its header says. Our writer extends it after each commit (`extend`), in the same hold of the
    /// lock; only a kill between the two leaves a short file. So a short file is walked (`PageWalk`): if nothing is
    /// missing it is extended here, or read as it is where it cannot be.
    ///
    /// - Throws: `notADatabase`, `versionMismatch`, `truncated`, `corrupted`, `locked`, `io`.
    func check() throws(StoreError) {
        // The header before the size: the file only grows.
        let header = try FileHeader(descriptor: descriptor, path: path)
        try checkIsNewest()
        if let claimed = header.claimedBytes, try size() >= claimed { return }
        try lockExclusive(waiting: 2)
        defer { unlock() }
        try checkShort()
    }

    private func checkShort() throws(StoreError) {
        let header = try FileHeader(descriptor: descriptor, path: path)
        let size = try size()
        if let claimed = header.claimedBytes, size >= claimed { return }
        try PageWalk.check(header, header.newest, descriptor: descriptor, fileBytes: size, path: path)
        guard let claimed = header.claimedBytes else {
            throw StoreError(
                .corrupted, path: path, reason: "the header claims \(header.newest.lastPage) pages",
                advice: "restore the file from a copy")
        }
        if isWritable { _ = extend(to: claimed) }
    }

    /// Makes the file at least `bytes` long, without taking space on disk. A failure is no harm: `check` then walks.
    func extend(to bytes: UInt64) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0, UInt64(status.st_size) < bytes else { return false }
        return ftruncate(descriptor, off_t(bytes)) == 0 && fsync(descriptor) == 0
    }

    /// Why the file cannot grow, nil if it can: LMDB calls a short write EIO, and a disk that fills up makes short
    /// writes. Writes 64 KiB past the end, and takes them back.
    func growthFailure() -> CInt? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        defer { _ = ftruncate(descriptor, status.st_size) }
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var written = 0
        while written < zeros.count {
            let count = pwrite(descriptor, zeros, zeros.count - written, status.st_size + off_t(written))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : ENOSPC }
            written += count
        }
        return nil
    }

    /// The folder that a path names a file in.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The error for an `open` that failed. While a file is being made, it is about the folder.
    private static func openingError(_ systemCode: CInt, path: String, creating: Bool) -> StoreError {
        let folder = folder(of: path)
        if creating && systemCode == ENOENT && access(folder, F_OK) != 0 {
            return StoreError(
                .notFound, path: folder, systemCode: systemCode, reason: "there is no such folder",
                advice: "make it first")
        }
        if creating && access(folder, F_OK) == 0 && access(folder, W_OK) != 0 && access(path, F_OK) != 0 {
            return mayNotWrite(errno, folder, advice: "choose another folder, or change who may write there")
        }
        return StoreError(systemCode: systemCode, path: path, doing: "opening the database")
    }

    /// The error for a folder in which no file can be made.
    static func mayNotWrite(_ systemCode: CInt, _ folder: String, advice: String) -> StoreError {
        StoreError(
            .permission, path: folder, systemCode: systemCode,
            reason: systemCode == EROFS
                ? "the file system may only be read" : "no permission to write in the folder",
            advice: systemCode == EROFS ? "choose a folder on another one" : advice)
    }

    /// Makes the name of a new file durable.
    func syncFolder() throws(StoreError) { try Self.syncFolder(of: location) }

    /// Makes the names in the folder of `path` durable.
    static func syncFolder(of path: String) throws(StoreError) {
        let folder = Self.folder(of: path)
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreError(systemCode: errno, path: folder, doing: "opening the folder") }
        defer { close(descriptor) }
        // EINVAL: a file system whose folders cannot be synced.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw StoreError(systemCode: errno, path: folder, doing: "syncing the folder")
        }
    }
}
