/// Which cells a model is made from, and how their files are read.
public struct CorpusOptions: Sendable {
    /// "X", "layers/NAME" or "raw/X"; nil: found as by an ingest.
    public var layer: String?
    /// What the matrix must hold.
    public var values = IngestOptions.Values.counts
    /// The var column with Ensembl ids or symbols; nil: found by name and content.
    public var geneColumn: String?
    /// The obs column with cell ids; nil: the index.
    public var cellColumn: String?
    /// Only cells that this expression over the files' obs selects.
    public var filter: String?
    /// Only so many cells, drawn by the seed.
    public var sample: Int?

    /// All cells, and the defaults above.
    public init() {}

    func ingestOptions(seed: UInt64, threads: Int) -> IngestOptions {
        var options = IngestOptions()
        options.layer = layer
        options.values = values
        options.geneColumn = geneColumn
        options.cellColumn = cellColumn
        options.filter = filter
        options.sample = sample
        options.seed = seed
        options.threads = threads
        return options
    }
}
