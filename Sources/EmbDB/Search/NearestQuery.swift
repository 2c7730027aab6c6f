/// What to search from.
public enum NearestQuery: Sendable {
    /// Stored cells, by id; each is a query.
    case cells([String])
    /// Stored cells that the expression over obs selects; each is a query.
    case selection(String)
    /// Vectors from outside, each as long as the database's dimension.
    case vectors([[Float]])
    /// Cells of a file, embedded as an ingest would; each is a query. One that is in the database too may find itself.
    case file(QueryFile)
}

/// Options of ``Database/nearest(_:options:control:)``.
public struct NearestOptions: Sendable {
    /// Neighbors a query.
    public var k = 10
    /// Edits of stored cells before they are embedded again.
    public var edit = GeneEdit()
    /// An expression over obs: who may be a neighbor.
    public var filter: String?
    /// Cells with the query's own value in this obs column are no neighbors (its donor, its dataset).
    public var excludeSame: String?
    /// At most so many neighbors of a query with the same value in an obs column (a donor, a dataset); nil: any number.
    /// Cells without a value there are not limited.
    public var limit: Limit?
    /// Neighbors farther away are left out.
    public var maximumDistance: Float?
    /// Length of the candidate list; nil: chosen at index time for recall ≥ 0.99; below k it counts as k.
    public var ef: Int?
    /// Compare every vector.
    public var exact = false
    /// One query: the mean of the queries' embeddings.
    public var centroid = false
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// At most so many neighbors with the same value in an obs column.
    public struct Limit: Sendable {
        /// Neighbors of one query that may share a value, 1 or more.
        public var count: Int
        /// The obs column.
        public var column: String

        /// At most `count` neighbors for each value of the obs column `column`.
        public init(atMost count: Int, per column: String) {
            self.count = count
            self.column = column
        }
    }

    /// The defaults above.
    public init() {}
}
