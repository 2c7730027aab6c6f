internal import Glibc
internal import LMDBStore
internal import Numerics

/// One file that holds embeddings of cells with their obs, tokens, model and index, and answers from them.
///
/// Connect to a file as often as you like: within a process it is mapped once. Any number of threads and processes
/// may read while one writes; a reader sees the last commit before its call. A call that computes for long
/// (``knockouts(options:control:)``) keeps its snapshot until it returns.
public struct Database: Sendable {
    /// What the caller means to do.
    public enum Access: Sendable {
        /// Answer only; works on files and folders that cannot be written.
        case readOnly
        /// Also change what is in a database that exists.
        case readWrite
        /// As `readWrite`; a missing or empty file becomes a new database.
        case create
    }

    /// The file, as it was named.
    public let path: String
    let environment: Environment

    /// All cores that this process may use.
    public static var availableThreads: Int { Parallel.availableThreads }

    /// Opens the database file at `path`. O(1): nothing is loaded.
    ///
    /// - Throws: ``EmbDBError`` `notFound`, `notADatabase`, `newerFormat`, `corrupted` (also for a file that was cut
    ///   off), `locked`, `storage`.
    public static func open(_ path: String, access: Access = .readOnly) throws(EmbDBError) -> Database {
        try withEmbDBErrors {
            let mode: Environment.Mode =
                switch access {
                case .readOnly: .readOnly
                case .readWrite: .readWrite
                case .create: .create
                }
            if access == .create, Glibc.access(path, F_OK) != 0 { try requireOwnName(path) }
            let environment = try Environment.open(path, mode: mode)
            if try environment.read({ try MetaRecords.format($0, path: path) }) == nil, access == .create {
                try environment.write { transaction in
                    // Another process may have been faster.
                    if try MetaRecords.format(transaction, path: path) == nil {
                        try MetaRecords.initialise(&transaction)
                    }
                }
            }
            return Database(path: path, environment: environment)
        }
    }

    /// - Throws: ``EmbDBError/Code/usage`` for a name that belongs to a file beside a database.
    static func requireOwnName(_ path: String) throws(EmbDBError) {
        guard let ending = Leftover.endings.first(where: path.hasSuffix) else { return }
        throw EmbDBError(
            .usage,
            "a file whose name ends in \(ending) belongs to the database of the name before it (\(path)): choose another "
                + "name")
    }
}
