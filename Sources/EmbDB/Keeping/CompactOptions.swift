/// How ``Database/compact(options:control:)`` works.
public struct CompactOptions: Sendable {
    /// Only say what would be gained; then the database may be opened read-only.
    public var dryRun = false
    /// Threads that build the index.
    public var threads = Database.availableThreads

    /// The usual way.
    public init() {}
}

/// What ``Database/compact(options:control:)`` did, or would do.
public struct CompactionReport: Sendable {
    /// Cells in the database.
    public let cells: Int
    /// Rows of deleted and replaced cells that are gone from the file.
    public let rowsDropped: Int
    /// Length of the file before.
    public let bytesBefore: Int
    /// Length of the file after; estimated in a dry run.
    public internal(set) var bytesAfter: Int
    /// Wall time.
    public internal(set) var seconds: Double
}
