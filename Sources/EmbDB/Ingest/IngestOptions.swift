/// Options of ``Database/ingest(_:options:control:)``.
public struct IngestOptions: Sendable {
    /// What to do with a cell whose id is in the database already.
    public enum Conflict: String, Codable, Sendable, CaseIterable {
        /// Refuse the whole ingest.
        case error
        /// Keep the cell that is there.
        case skip
        /// Put the new cell in the place of the one that is there.
        case replace
    }

    /// What the values of the matrix are.
    public enum Values: String, Sendable, CaseIterable {
        /// Whole numbers ≥ 0; anything else is refused.
        case counts
        /// Any number ≥ 0.
        case normalized
    }

    /// A model folder, or "default"; nil: the model in the database.
    public var model: String?
    /// Where the dictionaries lie if not in the model's folder or beside it.
    public var dictionaries: String?
    /// "X", "layers/NAME" or "raw/X"; nil: the first of X, layers/counts and raw/X that holds whole numbers.
    public var layer: String?
    /// What the matrix must hold.
    public var values = Values.counts
    /// The var column with Ensembl ids or symbols; nil: found by name and content.
    public var geneColumn: String?
    /// The obs column with cell ids; nil: the index.
    public var cellColumn: String?
    /// Put before every cell id.
    public var idPrefix = ""
    /// An expression over the file's obs; only cells that it selects are ingested.
    public var filter: String?
    /// Only so many cells, drawn by ``seed``.
    public var sample: Int?
    /// Decides which cells ``sample`` draws.
    public var seed: UInt64 = 0
    /// nil: what the database has; second-to-last for a new one.
    public var embed: EmbeddingLayer?
    /// nil: what the database has; mean for V1, cls for V2 in a new one.
    public var pool: EmbeddingPooling?
    /// Gene embeddings are also made for the cells of each value of this obs column; nil: as the database has them, for all
    /// cells in a new one.
    public var groupGenesBy: String?
    /// What to do with cells whose ids the database has already.
    public var onConflict = Conflict.error
    /// What the model's products are computed from; f32 where the CPU cannot do it as fast, with a warning.
    public var precision = EmbeddingPrecision.f32
    /// Drop an unfinished ingest of something else and start this one.
    public var restart = false
    /// The matrix that holds the embeddings already; nil: the model computes them from counts.
    var imported: ImportedMatrix?
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// How often the sums that gene embeddings are made from are stored before the last commit; what a kill costs.
    package var secondsBetweenGeneStores = 60.0

    /// Cells that are read together: some million entries, a hundred chunks, so that the threads wait little for one
    /// another.
    package var cellsOfBlock = 1024

    /// The defaults above.
    public init() {}

    /// Where imported embeddings lie, and how they are to be compared.
    struct ImportedMatrix {
        let key: String
        /// nil: what the database has; cosine in a new one.
        let metric: EmbeddingMetric?
    }
}
