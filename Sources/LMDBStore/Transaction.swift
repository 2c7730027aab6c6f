internal import CLMDB
internal import Glibc

/// A snapshot of the database, lent to a closure: reads see it whatever is written meanwhile.
package protocol Transaction: ~Copyable {
    var context: TransactionContext { get }
}

/// A transaction that only reads.
package struct ReadTransaction: ~Copyable, Transaction {
    package let context: TransactionContext

    init(context: TransactionContext) { self.context = context }
}

/// A transaction that reads and writes. It sees what it wrote; others do when it is committed.
package struct WriteTransaction: ~Copyable, Transaction {
    package internal(set) var context: TransactionContext

    init(context: TransactionContext) { self.context = context }
}

extension Transaction where Self: ~Copyable {
    /// Number of the commit that this transaction sees (or makes).
    package var identifier: Int { Int(mdb_txn_id(context.transaction)) }

    /// Names of all tables, sorted.
    package var tableNames: [String] { context.tables.keys.sorted() }

    /// Bytes of a table's pages; 0 without such a table. O(1).
    package func bytes(ofTable name: String) throws(StoreError) -> Int { try context.bytes(name) }
}

/// What the operations on tables need of a transaction; opaque to other modules.
package struct TransactionContext {
    let core: EnvironmentCore
    let transaction: OpaquePointer
    var tables: [String: MDB_dbi]

    static let maximumKeyBytes = 511

    var path: String { core.file.path }

    func error(_ systemCode: CInt, table: String, doing: String) -> StoreError {
        core.error(systemCode, table: table, doing: doing)
    }

    /// The bytes of a value, valid while the transaction is and nothing is written; nil without table or key.
    func value(_ table: String, _ key: [UInt8]) throws(StoreError) -> UnsafeRawBufferPointer? {
        guard let handle = tables[table], isKey(key) else { return nil }
        var value = MDB_val()
        let result = key.withKey { key in mdb_get(transaction, handle, &key, &value) }
        if result == MDB_NOTFOUND { return nil }
        guard result == 0 else { throw error(result, table: table, doing: "reading") }
        return UnsafeRawBufferPointer(value)
    }

    /// Makes room for a value of `count` bytes, to be filled before the next operation.
    mutating func reserve(
        _ table: String, _ key: [UInt8], count: Int, append: Bool = false
    ) throws(StoreError) -> UnsafeMutableRawBufferPointer {
        guard isKey(key) else {
            throw StoreError(
                .badKey, path: path, table: table, reason: "a key of \(key.count) bytes",
                advice: "keys are 1 to \(Self.maximumKeyBytes) bytes long")
        }
        let handle = try handle(creating: table)
        var value = MDB_val(mv_size: count, mv_data: nil)
        let flags = UInt32(MDB_RESERVE | (append ? MDB_APPEND : 0))
        let result = key.withKey { key in mdb_put(transaction, handle, &key, &value, flags) }
        if result == MDB_KEYEXIST && append {
            throw StoreError(
                .badKey, path: path, table: table, systemCode: result,
                reason: "an appended key is not above the last one", advice: "put it instead")
        }
        guard result == 0 else { throw core.writeError(result, table: table, doing: "writing") }
        return UnsafeMutableRawBufferPointer(start: value.mv_data, count: count)
    }

    mutating func remove(_ table: String, _ key: [UInt8]) throws(StoreError) -> Bool {
        guard let handle = tables[table], isKey(key) else { return false }
        let result = key.withKey { key in mdb_del(transaction, handle, &key, nil) }
        guard result == 0 || result == MDB_NOTFOUND else { throw error(result, table: table, doing: "removing") }
        return result == 0
    }

    mutating func removeAll(_ table: String) throws(StoreError) {
        guard let handle = tables[table] else { return }
        let result = mdb_drop(transaction, handle, 0)
        guard result == 0 else { throw error(result, table: table, doing: "emptying") }
    }

    func count(_ table: String) throws(StoreError) -> Int {
        guard let handle = tables[table] else { return 0 }
        var statistics = MDB_stat()
        let result = mdb_stat(transaction, handle, &statistics)
        guard result == 0 else { throw error(result, table: table, doing: "counting") }
        return Int(statistics.ms_entries)
    }

    func bytes(_ table: String) throws(StoreError) -> Int {
        guard let handle = tables[table] else { return 0 }
        var statistics = MDB_stat()
        let result = mdb_stat(transaction, handle, &statistics)
        guard result == 0 else { throw error(result, table: table, doing: "counting") }
        return (Int(statistics.ms_branch_pages) + Int(statistics.ms_leaf_pages) + Int(statistics.ms_overflow_pages))
            * Int(statistics.ms_psize)
    }

    private mutating func handle(creating table: String) throws(StoreError) -> MDB_dbi {
        if let handle = tables[table] { return handle }
        let length = table.utf8.count
        guard length > 0, length <= Self.maximumKeyBytes, !table.utf8.contains(0) else {
            throw StoreError(
                .badKey, path: path, table: table, reason: "a table's name of \(length) bytes",
                advice: "names are 1 to \(Self.maximumKeyBytes) bytes long, none of them 0")
        }
        var handle: MDB_dbi = 0
        let result = mdb_dbi_open(transaction, table, UInt32(MDB_CREATE), &handle)
        guard result == 0 else { throw error(result, table: table, doing: "creating the table") }
        tables[table] = handle
        return handle
    }

    private func isKey(_ key: [UInt8]) -> Bool { !key.isEmpty && key.count <= Self.maximumKeyBytes }
}

/// Walks a table in key order; closed by its owner's end.
struct Cursor: ~Copyable {
    private let cursor: OpaquePointer
    private let table: String
    private let context: TransactionContext
    private(set) var key = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var value = UnsafeRawBufferPointer(start: nil, count: 0)

    /// nil if there is no such table.
    init?(_ context: TransactionContext, _ table: String) throws(StoreError) {
        guard let handle = context.tables[table] else { return nil }
        var cursor: OpaquePointer?
        let result = mdb_cursor_open(context.transaction, handle, &cursor)
        guard result == 0, let cursor else { throw context.error(result, table: table, doing: "reading") }
        self.cursor = cursor
        self.table = table
        self.context = context
    }

    deinit { mdb_cursor_close(cursor) }

    /// To the first entry, or to the first one at or above `key`; false if there is none.
    mutating func start(from key: [UInt8]?) throws(StoreError) -> Bool {
        guard let key, !key.isEmpty else { return try move(MDB_FIRST) }
        return try move(MDB_SET_RANGE, from: key)
    }

    mutating func next() throws(StoreError) -> Bool { try move(MDB_NEXT) }

    mutating func last() throws(StoreError) -> Bool { try move(MDB_LAST) }

    private mutating func move(_ operation: MDB_cursor_op, from start: [UInt8] = []) throws(StoreError) -> Bool {
        let cursor = cursor
        var (found, value) = (MDB_val(), MDB_val())
        let result = start.withKey { key in
            let result = mdb_cursor_get(cursor, &key, &value, operation)
            found = key
            return result
        }
        if result == MDB_NOTFOUND { return false }
        guard result == 0 else { throw context.error(result, table: table, doing: "reading") }
        (self.key, self.value) = (UnsafeRawBufferPointer(found), UnsafeRawBufferPointer(value))
        return true
    }
}

extension [UInt8] {
    /// The key as LMDB takes it, which does not write through the pointer.
    fileprivate func withKey(_ body: (inout MDB_val) -> CInt) -> CInt {
        withUnsafeBytes { bytes in
            var key = MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return body(&key)
        }
    }
}
