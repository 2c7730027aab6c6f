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

    /// The defaults above.
    public init() {}
}
