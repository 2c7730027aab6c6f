internal import Numerics

/// From what is known of genes to which of them are ranked, their scores, and how far these can be trusted.
struct ScoredGenes {
    /// Fewer genes are no ranking whose halves could be compared.
    private static let leastGenes = 8
    /// The ranking is about so many genes, or a third of few.
    private static let best = 50
    /// Cells that a gene needs unless somebody says otherwise, and the share of the start cells that is enough.
    private static let leastCells = 20.0
    private static let enoughCells = 0.25

    let pairs: CellGenePairs
    let estimates: GeneEstimates
    let components: VarianceComponents
    /// Of a gene: what was observed in cells, or donors.
    private let observations: [[(unit: Int, value: Double)]]
    /// Genes that are ranked, and those that too few cells have; by token.
    let ranked: [Int]
    let rare: [Int]
    /// Cells that a gene needs to be ranked.
    let minimumCells: Int
    /// The mean of genes that were perturbed for comparison; 0 without.
    private let reference: Double

    /// - Parameters:
    ///   - minimumCells: nil for what suits the cells.
    ///   - areNamed: whether somebody named the genes: then none is too rare by itself.
    init(
        _ pairs: CellGenePairs, _ estimates: GeneEstimates, minimumCells: Int?, areNamed: Bool
    ) {
        self.pairs = pairs
        self.estimates = estimates
        let observations = estimates.observations(pairs)
        self.observations = observations
        components = VarianceComponents(observations.map { $0.map(\.value) })
        let others = pairs.isWanted.indices.filter { !pairs.isWanted[$0] }.flatMap { observations[$0].map(\.value) }
        reference = others.isEmpty ? 0 : others.reduce(0, +) / Double(others.count)
        let least = minimumCells ?? Self.minimumCells(pairs, components, areNamed)
        self.minimumCells = least
        let wanted = pairs.tokens.indices.filter { pairs.isWanted[$0] }
        ranked = wanted.filter { pairs.ofGene[$0].count >= least }
        rare = wanted.filter { pairs.ofGene[$0].count < least }
    }

    /// So many that half of a mean's variance is the gene's, but no fewer than twenty and no more than a quarter of the cells.
    private static func minimumCells(_ pairs: CellGenePairs, _ components: VarianceComponents, _ areNamed: Bool) -> Int
    {
        let cells = Double(pairs.cells.count)
        if areNamed || cells < 8 { return 1 }
        // Observations may be donors, of which there are never so many.
        let isOfCells = pairs.cells.indices.allSatisfy { pairs.cells[$0].unit == $0 }
        let half = !isOfCells ? 0 : components.intraclassCorrelation.map { $0 > 0 ? (1 - $0) / $0 : .infinity } ?? 0
        return Int(min(max(leastCells, half), (enoughCells * cells).rounded(.up)))
    }

    // MARK: Scores

    /// How much of a gene's mean is believed.
    func trust(_ gene: Int) -> Double { components.trust(Double(pairs.unitsOfGene[gene])) }

    /// The mean less that of genes for comparison, as far as it is believed.
    func score(_ gene: Int) -> Double { (estimates.means[gene] - reference) * trust(gene) }

    /// Where 95 of 100 genes with such observations have their true score: the posterior of a normal mean, with what the
    /// estimates do not know added.
    func interval(_ gene: Int) -> (low: Double, high: Double)? {
        let own = observations[gene].map(\.value)
        guard !own.isEmpty, components.within > 0 || components.between > 0 else { return nil }
        let error = components.within(own) / Double(pairs.unitsOfGene[gene])
        let posterior = components.between > 0 ? components.between * error / (components.between + error) : error
        let deviation =
            (posterior + (trust(gene) * estimates.deviations[gene]) * (trust(gene) * estimates.deviations[gene]))
            .squareRoot()
        return (score(gene) - 1.96 * deviation, score(gene) + 1.96 * deviation)
    }

    // MARK: Reliability

    /// How many genes are the best ones.
    var best: Int { min(Self.best, max(1, ranked.count / 3)) }

    /// Whether there are enough genes and observations to say anything.
    private var isEnough: Bool {
        ranked.count >= Self.leastGenes && Set(pairs.cells.map(\.unit)).count >= 4
    }

    var chance: Double? { isEnough ? Double(best) / Double(ranked.count) : nil }

    /// Which share of the best genes two halves of the cells (or donors) have in common, over twenty ways to halve them.
    func halfSplitOverlap(seed: UInt64) -> Double? {
        guard isEnough else { return nil }
        let units = Set(pairs.cells.map(\.unit)).sorted()
        var random = SeededRandom(seed: SeededRandom.mixed(seed &+ 0x4A1F))
        let splits = 20
        var shared = 0
        for _ in 0..<splits {
            let order = random.permutation(units.count)
            var half = [Int: Bool](minimumCapacity: units.count)
            for (place, index) in order.enumerated() { half[units[index]] = place < units.count / 2 }
            let sides = [true, false].map { side in
                Set(
                    ranked.map { (gene: $0, score: score($0) { half[$0] == side }) }
                        .sorted { ($1.score, $0.gene) < ($0.score, $1.gene) }.prefix(best).map(\.gene))
            }
            shared += sides[0].intersection(sides[1]).count
        }
        return Double(shared) / Double(splits * best)
    }

    /// The score by the known pairs of some units alone.
    private func score(_ gene: Int, _ isIn: (Int) -> Bool) -> Double {
        var (sum, count) = (0.0, 0.0)
        for (unit, value) in observations[gene] where isIn(unit) {
            sum += value
            count += 1
        }
        return count > 0 ? (sum / count - reference) * components.trust(count) : 0
    }

    /// The share of the best genes that the exact run would name too, as far as that can be known; nil for few genes, and
    /// where nothing tells how genes' cells differ.
    ///
    /// - Parameters:
    ///   - doubt: by how much such predictions were found to be too high.
    func predictedOverlap(isExact: Bool, doubt: Double) -> Double? {
        guard ranked.count >= Self.leastGenes else { return nil }
        if isExact { return 1 }
        if components.intraclassCorrelation == nil { return nil }
        return max(0, estimates.expectedOverlap(ranked, best: best, weight: trust) - doubt)
    }

    /// Whether the cells support a ranking: the states are two, halves of the cells agree half as well again as chance, and a
    /// gene's cells are alike.
    ///
    /// - Parameter ofObserved: a perturbation that was made has many cells, each with one noisy value: what counts is their mean.
    func isSupported(
        _ separation: StateSeparation, halfSplitOverlap: Double?, ofObserved: Bool = false
    ) -> Bool? {
        guard let halfSplitOverlap, let chance else { return nil }
        let trusts = ranked.map(trust).sorted()
        let isAlike =
            ofObserved ? trusts[trusts.count / 2] >= 0.5 : components.intraclassCorrelation ?? 0 >= 0.05
        return separation.isPlain && halfSplitOverlap >= 1.5 * chance && isAlike
    }

    /// Cells that a gene needs for four fifths of its mean's variance to be the gene's; nil where none are enough.
    var cellsNeeded: Int? {
        guard let correlation = components.intraclassCorrelation, correlation > 0 else { return nil }
        let cells = (4 * (1 - correlation) / correlation).rounded(.up)
        return cells < 1e9 ? Int(cells) : nil
    }
}
