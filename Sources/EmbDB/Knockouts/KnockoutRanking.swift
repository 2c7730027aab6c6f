/// Candidate knockouts, best first: what ``Database/knockouts(options:control:)`` found.
///
/// With E(x) the embedding of a cell and G the mean (not normalised) embedding of the goal cells, the shift of a
/// deletion in one cell is cos(E(perturbed), G) − cos(E(original), G): positive is towards the goal (Theodoris et
/// al. 2023, "in silico perturbation"). The score is made of the shift towards the goal less that towards the mean of the
/// `from` cells, which how typical a cell is does not touch; what the deletion of any gene does to a cell is taken off; and
/// it is drawn towards 0 where few cells have the gene.
public struct KnockoutRanking: Sendable {
    /// One gene's row.
    public struct Gene: Sendable {
        /// From 1; nil for a rare gene.
        public let rank: Int?
        /// Symbol, or the Ensembl id where there is none.
        public let gene: String
        /// Ensembl id; empty for a label of a perturbation that is no known gene.
        public let geneID: String
        /// What the ranking is sorted by.
        public let score: Double
        /// 95 % interval of the score, over cells (or donors) and for what was only estimated; nil where nothing varies.
        public let interval: (low: Double, high: Double)?
        /// Mean shift towards the goal, over the cells that have the gene, as Geneformer has it.
        public let shift: Double
        /// The same towards each alternative state, by its expression.
        public let shiftToAlternatives: [(state: String, shift: Double)]
        /// The shift, spread over all `from` cells: those without the gene count as 0.
        public let populationEffect: Double
        /// Mean change of the share of goal cells among the k nearest stored cells; of estimated deletions by embeddings that
        /// lack what the lost key does. nil where no cell was looked at.
        public let neighborShift: Double?
        /// Rank-sum test of the gene's shifts (its donors' mean shifts) against those of all genes with a row, as Geneformer has it
        /// (of observed perturbations: against the control's).
        public let pValue: Double
        /// Benjamini–Hochberg over all rows.
        public let falseDiscoveryRate: Double
        /// `from` cells that have the gene.
        public let cells: Int
        /// Donors of these cells; nil if none were named.
        public let donors: Int?
        /// Share of the cells whose shift has the sign of the mean, of those that were looked at; nil for none.
        public let sameSign: Double?
        /// Whether each of these cells was really embedded without the gene.
        public let exact: Bool
        /// Mean position among a cell's genes, 0 the first; nil for a perturbation that was observed.
        public let position: Double?
        /// Mean log1p(counts per 10,000) of the goal cells minus that of the `from` cells; nil for what is no known gene.
        public let expressionDifference: Double?
        /// Rank by the baseline, among the ranked genes; nil without one.
        public internal(set) var baselineRank: Int?
        /// Of an observed perturbation: what the model makes of deleting its gene in the control cells; nil if it does not
        /// know the gene, or no cell has it.
        public internal(set) var imagined: Imagined?

        /// A perturbation by the model, beside one that was observed.
        public struct Imagined: Sendable {
            /// As ``Gene/score``.
            public let score: Double
            /// As ``Gene/interval``.
            public let interval: (low: Double, high: Double)?
            /// As ``Gene/shift``.
            public let shift: Double
            /// Control cells that have the gene.
            public let cells: Int
        }

        /// Whether the gene is lower in the `from` cells already: deleting it would lead away from the goal's expression.
        public var isLowerAtStart: Bool { expressionDifference.map { $0 > 0 } ?? false }
        /// The shift towards the goal less the largest one towards an alternative; nil without alternatives.
        public var specificity: Double? { shiftToAlternatives.map(\.shift).max().map { shift - $0 } }
    }

    /// How far a ranking can be trusted.
    public struct Reliability: Sendable {
        /// The best genes that this is about: fifty, or a third of few.
        public let best: Int
        /// Which share of the best genes two random halves of the cells (or donors) have in common; nil for fewer than eight
        /// genes or four cells.
        public let halfSplitOverlap: Double?
        /// The same by chance.
        public let chance: Double?
        /// Which share of a score's variance in one cell (or donor) is the gene's: the intraclass correlation.
        public let intraclassCorrelation: Double?
        /// Which share of the best genes the exact run would name too; 1 for an exact run, nil for fewer than eight genes.
        public let predictedOverlap: Double?
        /// Rank correlation and slope of measured against estimated deletions, each cell's mean taken off; nil if nothing was
        /// estimated, or that was stopped before the check.
        public let pilotSpearman: Double?
        /// The slope.
        public let pilotSlope: Double?
        /// How many were measured for that: 128, or what few cells have.
        public let pilotPairs: Int?
        /// Whether the estimates were used: they were good enough, or could not be checked any more. Good is a correlation from 0.7, and a slope that may be one from 0.8 to 1.2.
        public let usesEstimates: Bool
        /// Whether the cells support a ranking: the states differ, the halves agree half as well again as chance, and the
        /// correlation of cells is 0.05 or more (of observed perturbations: half of them have means of which half is believed). nil
        /// where that cannot be said.
        public let isSupported: Bool?
        /// Cells (or donors) with the gene that would make four fifths of a score's variance the gene's; nil where no number is
        /// enough.
        public let cellsNeeded: Int?
        /// Share of cells that are nearer to the mean of one half of their own state's other cells than to that of the other
        /// state; 0.5 by chance. nil for a state of one cell.
        public let stateSeparation: Double?
        /// Whether that is two standard errors above chance.
        public let statesDiffer: Bool
        /// Genes in fewer cells are rare.
        public let minimumCells: Int
        /// Rank correlation of the scores with the genes' positions.
        public let positionCorrelation: Double?
        /// Rank correlation of the scores with the difference in expression.
        public let expressionCorrelation: Double?
    }

    /// How the ranking agrees with one that needs no model.
    public struct BaselineAgreement: Sendable {
        /// Which one.
        public let kind: KnockoutOptions.Baseline
        /// Rank correlation of the scores.
        public let spearman: Double?
        /// Which share of the ``Reliability/best`` genes is the same; nil if no gene's expression is known.
        public let overlap: Double?
    }

    /// The model that embedded them; nil for observed perturbations of cells with embeddings made elsewhere.
    public let model: ModelSummary?
    /// The obs column of the observed perturbations that were ranked; nil for imagined ones.
    public let observed: String?
    /// Donors of the cells; nil if none were named.
    public let donors: Int?
    /// nil if none was asked for.
    public let baseline: BaselineAgreement?
    /// Cells that were perturbed.
    public let fromCells: Int
    /// Cells that the goal is made of.
    public let toCells: Int
    /// What was done to each gene.
    public let mode: KnockoutOptions.Mode
    /// Wall time.
    public let seconds: Double
    /// Passes through the transformer, the unperturbed ones included, a backward one counted as two.
    public let forwards: Int
    /// What measuring everything costs.
    public let forwardsOfExactRun: Int
    /// Whether it was stopped before its end: the rows are of what was known by then.
    public let isPartial: Bool
    /// How far it can be trusted.
    public let reliability: Reliability
    /// Genes, best first; ties by Ensembl id.
    public let ranking: [Gene]
    /// Genes that too few cells have, in the same order.
    public let rare: [Gene]
    /// Genes that too few cells have and that were neither measured nor estimated: they have no row.
    public let unknown: Int
}
