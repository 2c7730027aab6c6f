/// What is in a database: ``Database/info()``.
public struct DatabaseInfo: Sendable {
    /// Cells that the index covers, those that are scanned beside it, and deleted ones.
    public struct Index: Sendable {
        public let indexed: Int
        public let tail: Int
        public let deleted: Int
        /// Chosen for recall@10 ≥ 0.99; nil without a graph.
        public let recommendedEf: Int?
    }

    /// An ingest that was interrupted; the same command continues it.
    public struct Pending: Sendable {
        public let sources: [String]
        public let cellsWritten: Int
    }

    /// Version of the file format.
    public let format: Int
    public let summary: DatabaseSummary
    /// Layer and pooling of the embeddings; nil while there are none.
    public let layer: EmbeddingLayer?
    public let pooling: EmbeddingPooling?
    public let metric: String?
    /// obs columns in order, with their types ("number", "integer", "category", "boolean").
    public let obs: [(name: String, type: String)]
    /// Genes of the vocabulary; nil without a model.
    public let genes: Int?
    /// Length of the database file.
    public let fileBytes: Int
    public let index: Index
    public let pendingIngest: Pending?
    /// SIMD level of the kernels, and the kernel that OpenBLAS took.
    public let simdLevel: String
    public let blasKernel: String
}

/// Whether a database is whole: ``Database/verify(control:)``.
public struct VerifyReport: Sendable {
    /// How many things of each kind were checked, in the order of checking.
    public let checked: [(what: String, count: Int)]
    /// The first fault; nil if there is none.
    public let fault: String?
    /// Cells in the database.
    public let cells: Int
}
