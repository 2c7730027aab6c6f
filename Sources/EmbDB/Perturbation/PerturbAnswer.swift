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
        /// The gene; nil where several are perturbed together, but beside an anchor the other one.
        public let gene: Gene?
        /// All genes that are perturbed at once.
        public let genes: [Gene]
        /// The gene's place among the cell's genes, 0 the first; nil if the cell did not have it, or for several genes.
        public let position: Int?
        /// How many of the genes the cell had among what the model reads.
        public let found: Int
        /// Cosine of the embeddings before and after.
        public let similarity: Double
        /// By how much the perturbation moves the cell towards the goal, with the goal's mean (not normalised) embedding:
        /// cos(perturbed, goal) − cos(original, goal); nil without a goal.
        public let shift: Double?
        /// What the perturbation does beyond what each of its genes does alone: of the shift, or without a goal of
        /// 1 − similarity, the value less the sum of the single ones; nil but for sets, and beside an anchor.
        public let synergy: Double?
        /// 1 − similarity less its mean over the twenty genes that stand next to this one: without a goal a gene's effect is
        /// little but its place. nil but for all genes one by one.
        public let beyondPosition: Double?
        /// Ids of the nearest stored cells before and after, nearest first, without the cell itself; empty if not asked for.
        public let neighborsBefore: [String]
        /// After the perturbation.
        public let neighborsAfter: [String]
    }

    /// A gene whose hidden state a perturbation changes, over cells.
    public struct AffectedGene: Sendable {
        /// What is perturbed at once.
        public let genes: [Gene]
        /// Whose hidden state is compared.
        public let affected: Gene
        /// Mean cosine of its hidden states before and after.
        public let mean: Double
        /// Standard deviation of the cosine over cells (of the population, as Geneformer has it).
        public let deviation: Double
        /// Cells that have it and the perturbed genes.
        public let cells: Int
    }

    /// The model that embedded the cells.
    public let model: ModelSummary
    /// What was done to each gene.
    public let mode: KnockoutOptions.Mode
    /// The genes that were named, or, if none were, those that were perturbed, by token.
    public let genes: [Gene]
    /// Cells that were looked at.
    public let cells: Int
    /// Whether the caller stopped it before the last cell.
    public let isPartial: Bool
    /// Deletions that were not made: the cell did not have the gene, or no other one.
    public let leftOut: Int
    /// Wall time.
    public let seconds: Double
    /// Passes through the transformer, the unperturbed ones included.
    public let forwards: Int
    /// Cells in the order of ingestion; of a cell, genes in the order in which they were named, or by position.
    public let results: [Result]
    /// Rank correlation of 1 − similarity with the gene's place, over all results of single genes, if there is no goal.
    public let positionCorrelation: Double?
    /// By mean, the most changed ones first; empty if not asked for.
    public let affected: [AffectedGene]
}
