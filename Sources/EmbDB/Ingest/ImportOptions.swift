/// Options of ``Database/importEmbeddings(_:options:control:)``.
public struct ImportOptions: Sendable {
    /// The key of the embeddings in obsm.
    public var obsm: String
    /// nil: what the database has; cosine for a new one. It is chosen once.
    public var metric: EmbeddingMetric?
    /// The obs column with cell ids; nil: the index.
    public var cellColumn: String?
    /// Put before every cell id.
    public var idPrefix = ""
    /// An expression over the file's obs; only cells that it selects are imported.
    public var filter: String?
    /// Only so many cells, drawn by ``seed``.
    public var sample: Int?
    /// Decides which cells ``sample`` draws.
    public var seed: UInt64 = 0
    /// What to do with cells whose ids the database has already.
    public var onConflict = IngestOptions.Conflict.error
    /// Drop an unfinished ingest or import of something else and start this one.
    public var restart = false
    /// Threads that build the index, 1 or more.
    public var threads = Database.availableThreads

    /// Embeddings from `obsm`; else the defaults above.
    public init(obsm: String) { self.obsm = obsm }

    /// The same for the run that ingests and imports alike.
    var run: IngestOptions {
        var options = IngestOptions()
        options.imported = .init(key: obsm, metric: metric)
        options.cellColumn = cellColumn
        options.idPrefix = idPrefix
        options.filter = filter
        options.sample = sample
        options.seed = seed
        options.onConflict = onConflict
        options.restart = restart
        options.threads = threads
        return options
    }
}
