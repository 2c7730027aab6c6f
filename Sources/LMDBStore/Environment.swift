internal import Glibc
internal import Synchronization

/// A database file, open. Transactions are lent to closures; the closure's end is the transaction's end.
///
/// - A file is mapped once in a process: opening it again shares the first one. The last owner closes it.
/// - Reading needs no lock: readers see the last commit before they began, a writer does not wait for them. Readers
///   should be short: while one is open, the pages it sees are not used again, and the file grows.
/// - One writer at a time over all processes. A write closure runs on one thread from begin to end (it is synchronous).
/// - Where no `-lock` file can be written (a folder or file that may only be read), each read transaction holds a shared
///   `flock` on the database instead, and there a writer does wait.
package final class Environment: Sendable {
    /// What the owner means to do. Writing needs `.readWrite` or `.create`, whatever the file permits.
    package enum Mode: Sendable {
        /// Read only; the one mode that opens files and folders without permission to write.
        case readOnly
        /// Read and write a file that is there.
        case readWrite
        /// As `readWrite`; a missing or empty file becomes a new database.
        case create
    }

    /// Tables that a file may have.
    package static let maximumTables = EnvironmentCore.maximumTables

    package let path: String
    package let mode: Mode
    /// The file that the path leads to, as far as this environment has seen.
    private let lease: Mutex<Lease>

    /// Who has which file open: opening and closing happen under this lock, so that a file never is mapped twice.
    private static let registry = Mutex<[DatabaseFile.Identity: (core: EnvironmentCore, owners: Int)]>([:])

    /// A share of a file that is open. The last owner closes it; whoever reads or writes is one meanwhile.
    final class Lease: Sendable {
        let core: EnvironmentCore

        fileprivate init(_ core: EnvironmentCore) { self.core = core }

        deinit {
            let identity = core.file.identity
            registry.withLock { registry in
                guard let entry = registry[identity] else { return }
                if entry.owners > 1 {
                    registry[identity] = (entry.core, entry.owners - 1)
                } else {
                    entry.core.close()
                    registry[identity] = nil
                }
            }
        }
    }

    static func isOpen(_ identity: DatabaseFile.Identity) -> Bool { registry.withLock { $0[identity] != nil } }

    /// Opens `path`. A second opening in the process with a stronger mode works if the file could be written when it was
    /// opened first, whatever the mode was then.
    ///
    /// - Throws: `notFound`, `notADatabase`, `truncated`, `versionMismatch`, `readOnly`, `permission`, `locked` (another
    ///   process is creating it), `mapFull`, `diskFull`, `io`.
    package static func open(_ path: String, mode: Mode) throws(StoreError) -> Environment {
        Environment(path: path, mode: mode, lease: try open(path, location: nil, mode: mode))
    }

    private init(path: String, mode: Mode, lease: Lease) {
        self.path = path
        self.mode = mode
        self.lease = Mutex(lease)
    }

    private static func open(_ path: String, location: String?, mode: Mode) throws(StoreError) -> Lease {
        for _ in 0..<100 {
            let file = try DatabaseFile(path: path, creating: mode == .create, location: location)
            // The file and its -lock file are opened together or not at all: see `FileSwap`.
            guard PlaceLock.opening.take(file.descriptor, exclusive: false, waiting: 10) != .busy else {
                throw StoreError(.locked, path: path, reason: "the file is being replaced", advice: "try again")
            }
            defer { PlaceLock.opening.release(file.descriptor) }
            guard file.isCurrent else { continue }
            if FileSwap.isPending(file.location), file.isWritable {
                // Others that open it as well must not keep each other from it.
                PlaceLock.opening.release(file.descriptor)
                switch PlaceLock.opening.take(file.descriptor, exclusive: true, waiting: 10) {
                case .taken where file.isCurrent && FileSwap.isPending(file.location):
                    try FileSwap.recover(file.location)
                default: break
                }
                continue
            }
            return Lease(try open(file, mode))
        }
        throw StoreError(.locked, path: path, reason: "the file is being replaced", advice: "try again")
    }

    /// The core of a file, which is shared in the process.
    private static func open(_ file: DatabaseFile, _ mode: Mode) throws(StoreError) -> EnvironmentCore {
        let outcome = registry.withLock { registry -> Result<EnvironmentCore, StoreError> in
            do throws(StoreError) {
                if let entry = registry[file.identity] {
                    guard mode == .readOnly || entry.core.canWrite else {
                        throw StoreError(
                            .readOnly, path: file.path, reason: "the database may only be read",
                            advice: "check who owns it and its folder")
                    }
                    registry[file.identity] = (entry.core, entry.owners + 1)
                    return .success(entry.core)
                }
                // In one process LMDB's locks on that file would end with the first of the two that is closed.
                if let lockFile = DatabaseFile.Identity(of: file.location + "-lock"), try !file.isUnbegun(),
                    registry.values.contains(where: { $0.core.lockFile == lockFile })
                {
                    throw LockFile.isOfAnotherFile(file)
                }
                let core = try EnvironmentCore(file: file, mode: mode)
                registry[file.identity] = (core, 1)
                return .success(core)
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// The file that the path leads to: another one than before after a compaction, by whatever process. Of a path that
    /// leads nowhere, the former file.
    func current() throws(StoreError) -> Lease {
        let known = lease.withLock { $0 }
        guard let identity = known.core.file.currentIdentity, identity != known.core.file.identity else { return known }
        let opened = try Self.open(path, location: known.core.file.location, mode: mode == .create ? .readWrite : mode)
        lease.withLock { $0 = opened }
        return opened
    }

    /// Lends a snapshot: the last commit before this call. Calls may run on many threads at once.
    ///
    /// - Throws: `tooManyReaders`, `locked`, `mapFull`, and what `body` throws.
    package func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        let lease = try current()
        return try withExtendedLifetime(lease) {
            let context = try lease.core.beginRead()
            defer { lease.core.endRead(context) }
            return try body(ReadTransaction(context: context))
        }
    }

    /// Lends a write transaction: committed and durable when this returns, undone if `body` throws.
    ///
    /// Other threads of this process wait for their turn; another process is waited for `seconds`. All that is
    /// written stays in memory until the commit.
    ///
    /// - Throws: `locked` (by another process, or this thread is writing already), `readOnly`, `notFound` (the file was
    ///   removed), `mapFull`, `diskFull`, `io`, `transactionTooLarge`, `corrupted` (the records of `meta` are not those of
    ///   the last commit), and what `body` throws.
    package func write<R>(waiting seconds: Double = 2, _ body: (inout WriteTransaction) throws -> R) throws -> R {
        guard mode != .readOnly else {
            throw StoreError(.readOnly, path: path, reason: "the database was opened for reading only")
        }
        let (lease, context) = try beginWrite(waiting: seconds)
        return try withExtendedLifetime(lease) {
            var transaction = WriteTransaction(context: context)
            let result: R
            do {
                // A commit on records that are not those of the last one would seal the damage.
                try transaction.verifyMetaRecords()
                result = try body(&transaction)
                try transaction.countCommit()
            } catch {
                lease.core.abort(transaction.context)
                throw error
            }
            try lease.core.commit(transaction.context)
            return result
        }
    }

    /// With the lock held the path leads to the file: what is written to a file that was replaced would be lost.
    private func beginWrite(waiting seconds: Double) throws(StoreError) -> (Lease, TransactionContext) {
        for _ in 0..<100 {
            let lease = try current()
            let context = try lease.core.beginWrite(waiting: seconds)
            if lease.core.file.isCurrent { return (lease, context) }
            lease.core.abort(context)
            guard lease.core.file.currentIdentity != nil else {
                throw StoreError(
                    .notFound, path: path, reason: "the database was removed or renamed since it was opened",
                    advice: "open it by the name that it has now")
            }
        }
        throw StoreError(.locked, path: path, reason: "the file is being replaced", advice: "try again")
    }

    /// Bytes of the file.
    package func fileBytes() throws(StoreError) -> UInt64 { try current().core.file.size() }

    /// Walks all B-trees of the last commit by reading the file, without mapping it: no damage can crash this, while
    /// LMDB believes what it maps. So `verify` comes here before it opens the file. Writers wait for it.
    ///
    /// - Throws: `corrupted` with table and reason, `truncated`, `notADatabase`, `versionMismatch`, `locked`, `io`.
    /// - Complexity: reads all pages but those of big values.
    package static func checkPages(ofFile path: String) throws(StoreError) {
        let file = try DatabaseFile(path: path, creating: false)
        try file.lockShared(waiting: 2)
        defer { file.unlockShared() }
        let header = try FileHeader(descriptor: file.descriptor, path: path)
        try file.checkIsNewest()
        try PageWalk.check(
            header, header.newest, descriptor: file.descriptor, fileBytes: file.size(), path: path)
    }
}
