/// Options of ``Database/nearestGenes(to:options:control:)`` and the exports of gene embeddings.
public struct GeneOptions: Sendable {
    /// The obs column whose values are groups of cells; nil: the one that the database's gene embeddings are grouped by,
    /// if any. Another one than that takes its place, for which every cell is passed through the model once.
    public var groupBy: String?
    /// The mean is taken over the cells of this group, a value of the column; nil: over all cells.
    public var group: String?
    /// Genes to find.
    public var k = 10
    /// Genes in fewer cells (of the group) are no neighbors. What is seen in a few cells is noisy.
    public var minimumCells = 1
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// The defaults above.
    public init() {}
}
