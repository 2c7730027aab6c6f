/// Options of ``Database/neighborGraph(options:control:)``.
public struct NeighborGraphOptions: Sendable {
    /// Neighbors a cell.
    public var k = 15
    /// An expression over obs: the cells of the graph; nil: all. Others are no neighbors either.
    public var filter: String?
    /// Length of the candidate list; nil: chosen at index time for recall ≥ 0.99; below k it counts as k.
    public var ef: Int?
    /// Compare all pairs.
    public var exact = false
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// The defaults above.
    public init() {}
}
