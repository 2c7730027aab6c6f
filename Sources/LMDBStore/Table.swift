/// A named table of the database: values by key, in key order. The name is all there is to it; the table is made by
/// the first value put into it, and reads as empty before.
package struct Table<Key: TableKey, Value: TableValue>: Sendable {
    package let name: String

    package init(_ name: String) { self.name = name }

    /// The value of `key`, copied; nil if there is none.
    ///
    /// - Throws: `corrupted` if the bytes are no `Value`.
    /// - Complexity: O(log n).
    package func value(
        for key: Key, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Value? {
        guard let bytes = try transaction.context.value(name, key.keyBytes) else { return nil }
        return try decode(bytes, transaction.context)
    }

    /// Lends the bytes of a value where they lie in the file; nil without calling `body` if there is none.
    package func withBytes<R>(
        for key: Key, in transaction: borrowing some Transaction & ~Copyable, _ body: (RawSpan) throws -> R
    ) throws -> R? {
        guard let bytes = try transaction.context.value(name, key.keyBytes) else { return nil }
        return try body(bytes.bytes)
    }

    /// Whether there is a value for `key`.
    package func contains(_ key: Key, in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> Bool
    {
        try transaction.context.value(name, key.keyBytes) != nil
    }

    /// Number of keys. O(1).
    package func count(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> Int {
        try transaction.context.count(name)
    }

    /// The highest key; nil if the table is empty.
    package func lastKey(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) -> Key? {
        guard var cursor = try Cursor(transaction.context, name), try cursor.last() else { return nil }
        return try decodeKey(cursor.key, transaction.context)
    }

    /// Calls `body` with each key and value in key order, from `lower` (included) up to `upper` (excluded).
    package func forEach(
        from lower: Key? = nil, upTo upper: Key? = nil, in transaction: borrowing some Transaction & ~Copyable,
        _ body: (Key, Value) throws -> Void
    ) throws {
        let context = transaction.context
        try forEachBytes(from: lower, upTo: upper, in: transaction) { key, bytes in
            try body(key, try bytes.withUnsafeBytes { try decode($0, context) })
        }
    }

    /// As `forEach`, with the value's bytes lent where they lie in the file.
    package func forEachBytes(
        from lower: Key? = nil, upTo upper: Key? = nil, in transaction: borrowing some Transaction & ~Copyable,
        _ body: (Key, RawSpan) throws -> Void
    ) throws {
        guard var cursor = try Cursor(transaction.context, name) else { return }
        let end = upper?.keyBytes
        var found = try cursor.start(from: lower?.keyBytes)
        while found {
            if let end, !cursor.key.lexicographicallyPrecedes(end) { return }
            try body(try decodeKey(cursor.key, transaction.context), cursor.value.bytes)
            found = try cursor.next()
        }
    }

    /// Sets the value of `key`.
    ///
    /// - Throws: `badKey` (empty, or above 511 bytes), `mapFull`, `tooManyTables`, `transactionTooLarge`.
    package func put(_ value: Value, for key: Key, in transaction: inout WriteTransaction) throws(StoreError) {
        let bytes = value.valueBytes
        try transaction.context.reserve(name, key.keyBytes, count: bytes.count).copyBytes(from: bytes)
    }

    /// Adds a value whose key is above all others: faster than `put`, and pages are filled to the end.
    ///
    /// - Throws: as `put`; `badKey` also if the key is not above the last one.
    package func append(_ value: Value, for key: Key, in transaction: inout WriteTransaction) throws(StoreError) {
        let bytes = value.valueBytes
        try transaction.context.reserve(name, key.keyBytes, count: bytes.count, append: true).copyBytes(from: bytes)
    }

    /// Removes `key` and its value.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    package func remove(_ key: Key, in transaction: inout WriteTransaction) throws(StoreError) -> Bool {
        try transaction.context.remove(name, key.keyBytes)
    }

    /// Removes all keys; the pages are given back.
    package func removeAll(in transaction: inout WriteTransaction) throws(StoreError) {
        try transaction.context.removeAll(name)
    }

    private func decode(_ bytes: UnsafeRawBufferPointer, _ context: TransactionContext) throws(StoreError) -> Value {
        guard let value = Value(valueBytes: bytes) else {
            throw StoreError(
                .corrupted, path: context.path, table: name,
                reason: "a value of \(bytes.count) bytes is no \(Value.self)", advice: "restore the file from a copy")
        }
        return value
    }

    private func decodeKey(_ bytes: UnsafeRawBufferPointer, _ context: TransactionContext) throws(StoreError) -> Key {
        guard let key = Key(keyBytes: bytes) else {
            throw StoreError(
                .corrupted, path: context.path, table: name,
                reason: "a key of \(bytes.count) bytes is no \(Key.self)", advice: "restore the file from a copy")
        }
        return key
    }
}
