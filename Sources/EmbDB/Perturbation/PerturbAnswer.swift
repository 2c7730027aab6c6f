/// What perturbations do, cell by cell: what ``Database/perturb(options:control:)`` found.
public struct PerturbAnswer: Sendable {
    /// A gene by its names.
    public struct Gene: Sendable, Equatable {
        /// Symbol, or the Ensembl id where there is none.
        public let gene: String
        /// Ensembl id.
        public let geneID: String
    }

    /// One cell with one gene perturbed, or with all of them.
    public struct Result: Sendable {
        /// Id of the cell.
        public let cell: String
        /// The gene; nil where all are perturbed together.
        public let gene: Gene?
        /// The gene's place among the cell's genes, 0 the first; nil if the cell did not have it, or for several genes.
        public let position: Int?
        /// How many of the genes the cell had among what the model reads.
        public let found: Int
        /// Cosine of the embeddings before and after.
        public let similarity: Double
        /// By how much the perturbation moves the cell towards the goal, with the goal's mean (not normalised) embedding:
        /// cos(perturbed, goal) − cos(original, goal); nil without a goal.
        public let shift: Double?
    }

    /// The model that embedded the cells.
    public let model: ModelSummary
    /// What was done to each gene.
    public let mode: KnockoutOptions.Mode
    /// The genes that were named, or, if none were, those that were perturbed, by token.
    public let genes: [Gene]
    /// Cells that were looked at.
    public let cells: Int
    /// Deletions that were not made: the cell did not have the gene, or no other one.
    public let leftOut: Int
    /// Wall time.
    public let seconds: Double
    /// Passes through the transformer, the unperturbed ones included.
    public let forwards: Int
    /// Cells in the order of ingestion; of a cell, genes in the order in which they were named, or by position.
    public let results: [Result]
}
