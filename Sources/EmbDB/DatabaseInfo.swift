/// What is in a database: ``Database/info()``.
public struct DatabaseInfo: Sendable {
    /// Cells that the index covers, those that are scanned beside it, and deleted ones.
    public struct Index: Sendable {
        /// Cells in the graph.
        public let indexed: Int
        /// Cells that were added since, which every search scans.
        public let tail: Int
        /// Rows of deleted or replaced cells, which no answer names.
        public let deleted: Int
        /// Chosen for recall@10 ≥ 0.99; nil without a graph.
        public let recommendedEf: Int?
        /// The recall@10 that it reached on a sample of the stored cells; nil without a graph. Below 0.99 searches for which no
        /// ef is given compare all cells.
        public let recall: Double?
    }

    /// Physical memory (RSS) after the first query, as Linux counts it.
    public struct Memory: Sendable {
        /// All of this process: its code, what it allocated, and the pages that it touched of the file.
        public let resident: Int
        /// The file's pages among these. All processes that read the file share them, and the system takes them back
        /// when others need room.
        public let mapped: Int
    }

    /// An ingest that was interrupted; the same command continues it.
    public struct Pending: Sendable {
        /// The files that are being ingested.
        public let sources: [String]
        /// Cells that it has committed so far.
        public let cellsWritten: Int
    }

    /// Version of the file format.
    public let format: Int
    /// Cells, dimension and model.
    public let summary: DatabaseSummary
    /// Layer of the embeddings; nil while there are none, and for imported ones.
    public let layer: EmbeddingLayer?
    /// Pooling of the embeddings over a cell's tokens; nil as ``layer`` is.
    public let pooling: EmbeddingPooling?
    /// The key of obsm that the embeddings were imported from; nil for those of the model.
    public let obsm: String?
    /// How embeddings are compared; nil while there are none.
    public let metric: EmbeddingMetric?
    /// obs columns in order, with their types ("number", "integer", "category", "boolean").
    public let obs: [(name: String, type: String)]
    /// Genes of the vocabulary; nil without a model.
    public let genes: Int?
    /// What the gene embeddings cover; nil while there are none.
    public let geneEmbeddings: GeneEmbeddingsInfo?
    /// Length of the database file.
    public let fileBytes: Int
    /// What the search index covers.
    public let index: Index
    /// Memory in use after the database was opened and had answered one query (the first cell's 10 nearest, at the
    /// default ef); nil without cells, and where the system does not tell.
    public let memory: Memory?
    /// The ingest that was interrupted; nil if there is none.
    public let pendingIngest: Pending?
    /// SIMD level of the program's own kernels on this CPU.
    public let simdLevel: String
    /// The kernel that OpenBLAS took for this CPU.
    public let blasKernel: String
}

/// Whether a database is whole: ``Database/verify(_:control:)``.
public struct VerifyReport: Sendable {
    /// How many things of each kind were checked, in the order of checking.
    public let checked: [(what: String, count: Int)]
    /// The first fault; nil if there is none.
    public let fault: String?
    /// Cells in the database.
    public let cells: Int

    /// A report of what was found elsewhere.
    public init(checked: [(what: String, count: Int)], fault: String?, cells: Int) {
        self.checked = checked
        self.fault = fault
        self.cells = cells
    }
}
