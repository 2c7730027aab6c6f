/// What an ingest would do, and what it would cost on this machine.
public struct IngestEstimate: Sendable {
    /// What the ingest would report. `seconds` is what the estimate took; `database` is what is there now, with the
    /// model and the dimension that it would have.
    public var report: IngestReport
    /// Wall time of the ingest.
    public var seconds: Double
    /// The most memory that this process would hold at a time.
    public var memoryBytes: Int
    /// By how much the database file would grow.
    public var diskBytes: Int
}
