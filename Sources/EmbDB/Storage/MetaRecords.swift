internal import Foundation
internal import HNSW
internal import LMDBStore
internal import Numerics

/// The records of the table `meta`: `magic`, `format` (u32), and `state`, `pending`, `index` (JSON), `sketch`
/// (`SketchBasis`) and `deleted` (64 rows a u64), each ``Checksummed``; and those of ``StoredGenes``.
enum MetaRecords {
    private static let json: @Sendable () -> JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return encoder
    }

    /// The version of the format that the file has; nil for a database without any table: a new one.
    ///
    /// - Throws: ``EmbDBError`` `notADatabase`, `newerFormat`; errors of the store.
    static func format(_ transaction: borrowing some Transaction & ~Copyable, path: String) throws -> UInt32? {
        guard let magic = try Layout.meta.value(for: "magic", in: transaction), magic == Layout.magic else {
            if transaction.tableNames.isEmpty { return nil }
            throw EmbDBError(.notADatabase, "an LMDB file of another program (\(path)): name a file that embdb wrote")
        }
        guard let bytes = try Layout.meta.value(for: "format", in: transaction), bytes.count == 4 else {
            throw damaged("format")
        }
        let version = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard version <= Layout.formatVersion, version > 0 else {
            throw EmbDBError(
                .newerFormat,
                "the database has format \(version), this program reads up to \(Layout.formatVersion) (\(path)): "
                    + "use a newer embdb")
        }
        return version
    }

    static func initialise(_ transaction: inout WriteTransaction) throws {
        try Layout.meta.put(Layout.magic, for: "magic", in: &transaction)
        try Layout.meta.put(
            withUnsafeBytes(of: Layout.formatVersion.littleEndian) { Array($0) }, for: "format", in: &transaction)
        try put(DatabaseState(), as: "state", in: &transaction)
    }

    static func state(_ transaction: borrowing some Transaction & ~Copyable) throws -> DatabaseState {
        let state: DatabaseState = try get("state", in: transaction) ?? DatabaseState()
        guard state.isPossible else { throw damaged("state") }
        return state
    }

    static func pending(_ transaction: borrowing some Transaction & ~Copyable) throws -> PendingIngest? {
        let pending: PendingIngest? = try get("pending", in: transaction)
        guard pending?.isPossible ?? true else { throw damaged("pending") }
        return pending
    }

    /// - Throws: ``EmbDBError/Code/pendingIngest`` while an ingest is unfinished.
    static func refusePending(
        _ state: DatabaseState, path: String, in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        guard let pending = try pending(transaction) else { return }
        throw pending.isInTheWay(
            of: state, path: path,
            advice: "wait if it is running; else finish it, or drop it by another ingest with --restart")
    }

    static func index(_ transaction: borrowing some Transaction & ~Copyable) throws -> IndexDescription? {
        let index: IndexDescription? = try get("index", in: transaction)
        guard index?.isPossible ?? true else { throw damaged("index") }
        return index
    }

    static func put(_ state: DatabaseState, in transaction: inout WriteTransaction) throws {
        try put(state, as: "state", in: &transaction)
    }

    static func put(_ pending: PendingIngest?, in transaction: inout WriteTransaction) throws {
        if let pending {
            try put(pending, as: "pending", in: &transaction)
        } else {
            try Layout.meta.remove("pending", in: &transaction)
        }
    }

    static func put(_ index: IndexDescription?, in transaction: inout WriteTransaction) throws {
        if let index {
            try put(index, as: "index", in: &transaction)
        } else {
            try Layout.meta.remove("index", in: &transaction)
        }
    }

    /// How the sketches of the graph are made; nil where it has none.
    static func sketchBasis(
        _ transaction: borrowing some Transaction & ~Copyable, dimension: Int
    ) throws -> SketchBasis? {
        guard let bytes = try checked("sketch", in: transaction) else { return nil }
        guard let basis = SketchBasis(bytes: bytes, dimension: dimension) else { throw damaged("sketch") }
        return basis
    }

    static func put(_ basis: SketchBasis?, in transaction: inout WriteTransaction) throws {
        if let basis {
            try putChecked(basis.bytes, as: "sketch", in: &transaction)
        } else {
            try Layout.meta.remove("sketch", in: &transaction)
        }
    }

    /// Rows 0..<`rows` that answers may name: all but the deleted ones.
    static func live(_ transaction: borrowing some Transaction & ~Copyable, rows: Int) throws -> Bitmap {
        var live = Bitmap(count: rows, filled: true)
        guard let words = try checked("deleted", in: transaction) else { return live }
        guard words.count % 8 == 0 else { throw damaged("deleted") }
        for (byte, bits) in words.enumerated() where bits != 0 {
            for bit in 0..<8 where bits >> UInt8(bit) & 1 == 1 {
                let row = byte * 8 + bit
                if row < rows { live[row] = false }
            }
        }
        return live
    }

    static func putDeleted(_ live: Bitmap, in transaction: inout WriteTransaction) throws {
        var bytes = [UInt8](repeating: 0, count: (live.count + 63) / 64 * 8)
        for row in 0..<live.count where !live[row] { bytes[row / 8] |= 1 << UInt8(row % 8) }
        try putChecked(bytes, as: "deleted", in: &transaction)
    }

    // MARK: One record

    static func get<T: Decodable>(
        _ name: String, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> T? {
        guard let bytes = try checked(name, in: transaction) else { return nil }
        do {
            return try JSONDecoder().decode(T.self, from: Data(bytes))
        } catch {
            throw damaged(name)
        }
    }

    static func put(_ value: some Encodable, as name: String, in transaction: inout WriteTransaction) throws {
        try putChecked([UInt8](try json().encode(value)), as: name, in: &transaction)
    }

    static func checked(
        _ name: String, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8]? {
        guard let bytes = try Layout.meta.value(for: name, in: transaction) else { return nil }
        guard let content = Checksummed.open(bytes) else { throw damaged(name) }
        return content
    }

    static func putChecked(
        _ content: [UInt8], as name: String, in transaction: inout WriteTransaction
    ) throws {
        try Layout.meta.put(Checksummed.seal(content), for: name, in: &transaction)
    }

    static func damaged(_ name: String) -> EmbDBError {
        EmbDBError(.corrupted, "the record \"\(name)\" is damaged: restore a backup, or ingest again into a new file")
    }
}
