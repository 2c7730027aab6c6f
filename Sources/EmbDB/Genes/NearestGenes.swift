/// Genes whose mean hidden states are most like that of one gene: ``Database/nearestGenes(to:options:control:)``.
public struct NearestGenes: Sendable {
    /// One neighbor.
    public struct Neighbor: Sendable {
        /// From 1.
        public let rank: Int
        /// Symbol, or the Ensembl id where there is none.
        public let gene: String
        /// Ensembl id.
        public let geneID: String
        /// Cosine of the mean hidden states.
        public let similarity: Double
        /// Cells (of the group) that have the gene among what the model reads.
        public let cells: Int
    }

    /// The gene that was asked for: symbol, or the Ensembl id where there is none.
    public let gene: String
    /// Its Ensembl id.
    public let geneID: String
    /// Cells (of the group) that have it among what the model reads.
    public let cells: Int
    /// The group; nil for all cells.
    public let group: String?
    /// The model that the hidden states are of.
    public let model: ModelSummary
    /// Most similar first; ties by token.
    public let neighbors: [Neighbor]
}

/// What a database's gene embeddings are: ``DatabaseInfo/geneEmbeddings``.
public struct GeneEmbeddingsInfo: Sendable {
    /// Genes that at least one cell has.
    public let genes: Int
    /// Cells that are in the means.
    public let cells: Int
    /// Cells that are not yet in them, or still are though replaced or deleted; the next use sees to them.
    public let outdated: Int
    /// The obs column whose values are groups; nil for none.
    public let groupedBy: String?
    /// The groups with their cells and genes, by value.
    public let groups: [(value: String, cells: Int, genes: Int)]
}
