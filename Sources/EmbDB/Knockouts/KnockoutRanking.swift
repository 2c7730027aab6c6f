/// Candidate knockouts, best first: what ``Database/knockouts(options:control:)`` found.
///
/// With E(x) the embedding of a cell and G the mean (not normalised) embedding of the goal cells, the shift of a
/// deletion in one cell is cos(E(perturbed), G) − cos(E(original), G): positive is towards the goal (Theodoris et
/// al. 2023, "in silico perturbation").
public struct KnockoutRanking: Sendable {
    /// One gene's row.
    public struct Gene: Sendable {
        /// From 1.
        public let rank: Int
        /// Symbol, or the Ensembl id where there is none.
        public let gene: String
        /// Ensembl id.
        public let geneID: String
        /// What the ranking is sorted by: the mean shift.
        public let score: Double
        /// 95 % confidence interval of the mean shift (normal approximation over cells); nil below two cells.
        public let interval: (low: Double, high: Double)?
        /// Mean shift towards the goal, over the cells that have the gene.
        public let shift: Double
        /// The same towards each alternative state, by its expression.
        public let shiftToAlternatives: [(state: String, shift: Double)]
        /// The shift, spread over all `from` cells: those without the gene count as 0.
        public let populationEffect: Double
        /// Mean change of the share of goal cells among the k nearest stored cells.
        public let neighborShift: Double
        /// Rank-sum test of the gene's shifts against those of all ranked genes.
        public let pValue: Double
        /// Benjamini–Hochberg over the ranked genes.
        public let falseDiscoveryRate: Double
        /// `from` cells that have the gene.
        public let cells: Int
        /// Share of these cells whose shift has the sign of the mean.
        public let sameSign: Double
        /// Whether each of these cells was really embedded without the gene; always true so far.
        public let exact: Bool
        /// Mean position among a cell's genes, 0 the first.
        public let position: Double
        /// Mean log1p(counts per 10,000) of the goal cells minus that of the `from` cells.
        public let expressionDifference: Double
    }

    /// The model that embedded them.
    public let model: ModelSummary
    /// Cells that were perturbed.
    public let fromCells: Int
    /// Cells that the goal is made of.
    public let toCells: Int
    /// What was done to each gene.
    public let mode: KnockoutOptions.Mode
    /// Wall time.
    public let seconds: Double
    /// Passes through the transformer, the unperturbed ones included.
    public let forwards: Int
    /// Genes, best first; ties by Ensembl id.
    public let ranking: [Gene]
}
