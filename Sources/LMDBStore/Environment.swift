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
    private let core: EnvironmentCore

    /// Who has which file open: opening and closing happen under this lock, so that a file never is mapped twice.
    private static let registry = Mutex<[DatabaseFile.Identity: (core: EnvironmentCore, owners: Int)]>([:])

    /// Opens `path`. A second opening in the process with a stronger mode works if the file could be written when it was
    /// opened first, whatever the mode was then.
    ///
    /// - Throws: `notFound`, `notADatabase`, `truncated`, `versionMismatch`, `readOnly`, `permission`, `locked` (another
    ///   process is creating it), `mapFull`, `diskFull`, `io`.
    package static func open(_ path: String, mode: Mode) throws(StoreError) -> Environment {
        let outcome = registry.withLock { registry -> Result<EnvironmentCore, StoreError> in
            do throws(StoreError) {
                let file = try DatabaseFile(path: path, creating: mode == .create)
                if let entry = registry[file.identity] {
                    guard mode == .readOnly || entry.core.canWrite else {
                        throw StoreError(
                            .readOnly, path: path, reason: "the database may only be read",
                            advice: "check who owns it and its folder")
                    }
                    registry[file.identity] = (entry.core, entry.owners + 1)
                    return .success(entry.core)
                }
                let core = try EnvironmentCore(file: file, mode: mode)
                registry[file.identity] = (core, 1)
                return .success(core)
            } catch {
                return .failure(error)
            }
        }
        return Environment(path: path, mode: mode, core: try outcome.get())
    }

    private init(path: String, mode: Mode, core: EnvironmentCore) {
        self.path = path
        self.mode = mode
        self.core = core
    }

    deinit {
        let identity = core.file.identity
        Self.registry.withLock { registry in
            guard let entry = registry[identity] else { return }
            if entry.owners > 1 {
                registry[identity] = (entry.core, entry.owners - 1)
            } else {
                entry.core.close()
                registry[identity] = nil
            }
        }
    }

    /// Lends a snapshot: the last commit before this call. Calls may run on many threads at once.
    ///
    /// - Throws: `tooManyReaders`, `locked`, `mapFull`, and what `body` throws.
    package func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        let context = try core.beginRead()
        defer { core.endRead(context) }
        return try body(ReadTransaction(context: context))
    }

    /// Lends a write transaction: committed and durable when this returns, undone if `body` throws.
    ///
    /// Other threads of this process wait for their turn; another process is waited for `seconds`. All that is
    /// written stays in memory until the commit.
    ///
    /// - Throws: `locked` (by another process, or this thread is writing already), `readOnly`, `mapFull`, `diskFull`,
    ///   `io`, `transactionTooLarge`, and what `body` throws.
    package func write<R>(waiting seconds: Double = 2, _ body: (inout WriteTransaction) throws -> R) throws -> R {
        guard mode != .readOnly else {
            throw StoreError(.readOnly, path: path, reason: "the database was opened for reading only")
        }
        var transaction = WriteTransaction(context: try core.beginWrite(waiting: seconds))
        let result: R
        do {
            result = try body(&transaction)
            try transaction.countCommit()
        } catch {
            core.abort(transaction.context)
            throw error
        }
        try core.commit(transaction.context)
        return result
    }

    /// Bytes of the file.
    package func fileBytes() throws(StoreError) -> UInt64 { try core.file.size() }

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
