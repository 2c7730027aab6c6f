internal import CLMDB
internal import Glibc
internal import Synchronization

/// LMDB's environment of one file, once in the process, with the handles of its tables.
///
/// @unchecked: `MDB_env` is made for many threads; `handles` is behind a mutex; `writers` is a mutex; `isClosed` is
/// touched by the last owner alone.
final class EnvironmentCore: @unchecked Sendable {
    /// Most tables a file can have.
    static let maximumTables = 1024
    static let maximumReaders: UInt32 = 1022
    /// Address space for one file, halved until the system grants it.
    static let largestMap = 1 << 44

    let file: DatabaseFile
    let environment: OpaquePointer
    let canWrite: Bool
    /// Whether LMDB's `-lock` file is in use; without it readers hold a shared `flock`.
    let hasLockFile: Bool
    /// Which file that is.
    let lockFile: DatabaseFile.Identity?
    let pageSize: Int
    /// Lets one thread of this process write at a time, and knows which.
    private let writers: UnsafeMutablePointer<pthread_mutex_t>
    private let handles = Mutex(Handles())
    private var isClosed = false

    private struct Handles {
        var byName: [String: MDB_dbi] = [:]
        /// The snapshot up to which `byName` is complete.
        var transactionID: Int? = nil
    }

    /// The file is checked here, before LMDB maps it. A new file becomes a database.
    init(file: DatabaseFile, mode: Environment.Mode) throws(StoreError) {
        self.file = file
        let isNew = try Self.prepare(file, mode)
        defer { if isNew { file.unlock() } }
        let opened: (environment: OpaquePointer, hasLockFile: Bool, isReadOnly: Bool)
        do throws(StoreError) {
            opened = try Self.open(file, mode, isNew: isNew)
        } catch {
            // Nothing may stay that looks like a damaged database.
            if isNew { _ = ftruncate(file.descriptor, 0) }
            if file.isCreated { unlink(file.location) }
            throw error
        }
        environment = opened.environment
        hasLockFile = opened.hasLockFile
        lockFile = hasLockFile ? DatabaseFile.Identity(of: file.location + "-lock") : nil
        canWrite = !opened.isReadOnly
        var statistics = MDB_stat()
        mdb_env_stat(environment, &statistics)
        pageSize = Int(statistics.ms_psize)
        writers = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, CInt(PTHREAD_MUTEX_ERRORCHECK))
        pthread_mutex_init(writers, &attributes)
        pthread_mutexattr_destroy(&attributes)
        if isNew { try file.syncFolder() }
    }

    deinit {
        close()
        pthread_mutex_destroy(writers)
        writers.deallocate()
    }

    /// Unmaps the file; no transaction may be open, and none may begin after.
    func close() {
        if !isClosed { mdb_env_close(environment) }
        isClosed = true
    }

    /// - Returns: whether the file is empty and is to become a database; then its lock is held.
    private static func prepare(_ file: DatabaseFile, _ mode: Environment.Mode) throws(StoreError) -> Bool {
        if try file.isUnbegun() {
            guard mode == .create, file.isWritable else {
                throw StoreError(
                    .notADatabase, path: file.path, reason: "the file is empty", advice: "name a file that embdb wrote")
            }
            try file.lockExclusive(waiting: 2)
            do throws(StoreError) {
                if try file.isUnbegun() {
                    guard ftruncate(file.descriptor, 0) == 0 else {
                        throw StoreError(systemCode: errno, path: file.path, doing: "making the database")
                    }
                    // A lock file that is there belongs to a former database of this name.
                    unlink(file.location + "-lock")
                    return true
                }
            } catch {
                file.unlock()
                throw error
            }
            file.unlock()
        }
        try file.check()
        return false
    }

    private static func open(
        _ file: DatabaseFile, _ mode: Environment.Mode, isNew: Bool
    ) throws(StoreError) -> (environment: OpaquePointer, hasLockFile: Bool, isReadOnly: Bool) {
        let lockPath = file.location + "-lock"
        if file.isWritable {
            do throws(StoreError) {
                try LockFile.reserve(lockPath)
                if isNew { return (try map(file, flags: 0), true, false) }
                guard let environment = try mapLocked(file, flags: 0) else { throw LockFile.isOfAnotherFile(file) }
                return (environment, true, false)
            } catch  where mode == .readOnly && [.permission, .readOnly, .diskFull].contains(error.code) {
                return (try map(file, flags: MDB_RDONLY | MDB_NOLOCK), false, true)
            }
        }
        guard mode == .readOnly else {
            throw StoreError(
                .readOnly, path: file.path, reason: "the database may only be read",
                advice: "check who owns it, or copy it to where it can be written")
        }
        // No lock file is put beside a database of somebody else.
        if access(lockPath, R_OK | W_OK) == 0, !FileSwap.isPending(file.location),
            let environment = try mapLocked(file, flags: MDB_RDONLY)
        {
            return (environment, true, true)
        }
        return (try map(file, flags: MDB_RDONLY | MDB_NOLOCK), false, true)
    }

    /// With its `-lock` file; nil if that is another file's.
    private static func mapLocked(_ file: DatabaseFile, flags: CInt) throws(StoreError) -> OpaquePointer? {
        let environment = try map(file, flags: flags)
        do throws(StoreError) {
            if try LockFile.agrees(environment, file, canWrite: flags & MDB_RDONLY == 0) { return environment }
        } catch {
            mdb_env_close(environment)
            throw error
        }
        mdb_env_close(environment)
        return nil
    }

    private static func map(_ file: DatabaseFile, flags: CInt) throws(StoreError) -> OpaquePointer {
        let isReadOnly = flags & MDB_RDONLY != 0
        let needed = Int(try file.size())
        var bytes = largestMap
        while true {
            var environment: OpaquePointer?
            var result = mdb_env_create(&environment)
            guard result == 0, let environment else {
                throw StoreError(systemCode: result, path: file.path, doing: "opening the database")
            }
            mdb_env_set_mapsize(environment, bytes)
            mdb_env_set_maxdbs(environment, MDB_dbi(maximumTables))
            mdb_env_set_maxreaders(environment, maximumReaders)
            result = mdb_env_open(environment, file.location, UInt32(MDB_NOSUBDIR | MDB_NOTLS | flags), 0o666)
            if result == 0 {
                if try isSame(environment, file) { return environment }
                mdb_env_close(environment)
                throw StoreError(
                    .io, path: file.path, reason: "the file was replaced while it was opened", advice: "try again")
            }
            mdb_env_close(environment)
            // A writer needs room to grow, a reader only what is there.
            let room = isReadOnly ? max(needed, 1 << 20) : max(needed + (64 << 20), needed / 8 * 9)
            let least = (room + 65535) & ~65535
            guard result == ENOMEM, bytes > least else {
                throw StoreError(systemCode: result, path: file.path, doing: "opening the database")
            }
            bytes = max(bytes / 2, least)
        }
    }

    private static func isSame(_ environment: OpaquePointer, _ file: DatabaseFile) throws(StoreError) -> Bool {
        var descriptor: CInt = -1
        var status = stat()
        return mdb_env_get_fd(environment, &descriptor) == 0 && fstat(descriptor, &status) == 0
            && DatabaseFile.Identity(status) == file.identity
    }

    /// As `error`; finds out whether EIO means that the disk is full. The writer's lock must be held.
    func writeError(_ systemCode: CInt, table: String? = nil, doing: String) -> StoreError {
        error(systemCode == EIO ? file.growthFailure() ?? EIO : systemCode, table: table, doing: doing)
    }

    func error(_ systemCode: CInt, table: String? = nil, doing: String) -> StoreError {
        StoreError(systemCode: systemCode, path: file.path, table: table, doing: doing)
    }
}

// MARK: - Transactions

extension EnvironmentCore {
    /// Begins a read transaction that knows the handle of every table in its snapshot.
    func beginRead() throws(StoreError) -> TransactionContext {
        if !hasLockFile { try file.lockShared(waiting: 2) }
        do throws(StoreError) {
            while true {
                // In this order: a handle opened after a transaction began is of no use to it.
                let known = handles.withLock { $0 }
                let transaction = try begin(flags: UInt32(MDB_RDONLY))
                if let complete = known.transactionID, mdb_txn_id(transaction) <= complete {
                    return TransactionContext(core: self, transaction: transaction, tables: known.byName)
                }
                mdb_txn_abort(transaction)
                try openHandles()
            }
        } catch {
            if !hasLockFile { file.unlockShared() }
            throw error
        }
    }

    func endRead(_ context: TransactionContext) {
        mdb_txn_abort(context.transaction)
        if !hasLockFile { file.unlockShared() }
    }

    /// Takes both locks (threads of this process, then processes) and begins a write transaction.
    func beginWrite(waiting seconds: Double) throws(StoreError) -> TransactionContext {
        guard pthread_mutex_lock(writers) == 0 else {
            throw StoreError(
                .locked, path: file.path, reason: "a write within a write", advice: "use the transaction that is open")
        }
        do throws(StoreError) {
            try file.lockExclusive(waiting: seconds)
        } catch {
            pthread_mutex_unlock(writers)
            throw error
        }
        do throws(StoreError) {
            // Readers that died must not keep their pages from being used again.
            var dead: CInt = 0
            mdb_reader_check(environment, &dead)
            // With the lock held no other process adds tables, so from here on none is opened but by this writer:
            // LMDB allows one transaction at a time to open handles.
            try openHandles()
            let known = handles.withLock { $0.byName }
            let transaction = try begin(flags: 0)
            guard try file.newestCommit() &+ 1 == UInt64(mdb_txn_id(transaction)) else {
                mdb_txn_abort(transaction)
                throw LockFile.isOfAnotherFile(file)
            }
            return TransactionContext(core: self, transaction: transaction, tables: known)
        } catch {
            unlockWriters()
            throw error
        }
    }

    /// Commits; durable on return.
    func commit(_ context: TransactionContext) throws(StoreError) {
        defer { unlockWriters() }
        // LMDB shows readers the new tables before it has made their handles known: with the lock held no reader opens
        // others meanwhile.
        let result = handles.withLock { handles in
            let result = mdb_txn_commit(context.transaction)
            if result == 0 { handles.byName = context.tables }
            return result
        }
        guard result == 0 else { throw writeError(result, doing: "the commit") }
        var information = MDB_envinfo()
        mdb_env_info(environment, &information)
        _ = file.extend(to: (UInt64(information.me_last_pgno) + 1) * UInt64(pageSize))
    }

    func abort(_ context: TransactionContext) {
        mdb_txn_abort(context.transaction)
        unlockWriters()
    }

    private func unlockWriters() {
        file.unlock()
        pthread_mutex_unlock(writers)
    }

    private func begin(flags: UInt32) throws(StoreError) -> OpaquePointer {
        try Self.begin(environment, flags: flags, path: file.path)
    }

    static func begin(_ environment: OpaquePointer, flags: UInt32, path: String) throws(StoreError) -> OpaquePointer {
        var transaction: OpaquePointer?
        var result = mdb_txn_begin(environment, nil, flags, &transaction)
        if result == MDB_READERS_FULL {
            var dead: CInt = 0
            mdb_reader_check(environment, &dead)
            result = mdb_txn_begin(environment, nil, flags, &transaction)
        }
        guard result == 0, let transaction else {
            throw StoreError(systemCode: result, path: path, doing: "beginning a transaction")
        }
        return transaction
    }

    /// Opens the handles of tables that are new since the last time, in a transaction of its own.
    private func openHandles() throws(StoreError) {
        let failure = handles.withLock { handles -> StoreError? in
            do throws(StoreError) { try openHandles(&handles) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    private func openHandles(_ handles: inout Handles) throws(StoreError) {
        let transaction = try begin(flags: UInt32(MDB_RDONLY))
        var handle: MDB_dbi = 0
        var byName = handles.byName
        do throws(StoreError) {
            var result = mdb_dbi_open(transaction, nil, 0, &handle)
            guard result == 0 else { throw error(result, doing: "opening the tables") }
            let names = try tableNames(transaction, main: handle)
            for name in names where byName[name] == nil {
                result = mdb_dbi_open(transaction, name, 0, &handle)
                // An entry of the main table that is no table.
                if result == MDB_INCOMPATIBLE, !names.contains("meta") { throw foreign }
                guard result == 0 else { throw error(result, table: name, doing: "opening the table") }
                byName[name] = handle
            }
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        let snapshot = mdb_txn_id(transaction)
        // Committing is what makes the handles outlive the transaction.
        let result = mdb_txn_commit(transaction)
        guard result == 0 else { throw error(result, doing: "opening the tables") }
        handles = Handles(byName: byName, transactionID: snapshot)
    }

    private var foreign: StoreError {
        StoreError(
            .notADatabase, path: file.path, reason: "not an embdb database, though LMDB wrote it",
            advice: "name a file that embdb wrote")
    }

    private func tableNames(_ transaction: OpaquePointer, main: MDB_dbi) throws(StoreError) -> [String] {
        var statistics = MDB_stat()
        mdb_stat(transaction, main, &statistics)
        guard statistics.ms_entries <= Self.maximumTables else { throw foreign }
        var cursor: OpaquePointer?
        let result = mdb_cursor_open(transaction, main, &cursor)
        guard result == 0, let cursor else { throw error(result, doing: "listing the tables") }
        defer { mdb_cursor_close(cursor) }
        var (key, value, names) = (MDB_val(), MDB_val(), [String]())
        while mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 {
            let bytes = UnsafeRawBufferPointer(key)
            // Entries of the main table that are no tables cannot be ours.
            guard !bytes.isEmpty, !bytes.contains(0), let name = String(validating: bytes, as: UTF8.self) else {
                throw foreign
            }
            names.append(name)
        }
        return names
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes that LMDB lends.
    init(_ value: MDB_val) { self.init(start: value.mv_data, count: value.mv_size) }
}
