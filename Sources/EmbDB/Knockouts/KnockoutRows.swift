internal import Numerics
internal import Tokenizers

/// The rows of a ranking, from what a race found.
struct KnockoutRows {
    private(set) var ranked: [KnockoutRanking.Gene] = []
    private(set) var rare: [KnockoutRanking.Gene] = []
    /// Rare genes that were neither measured nor estimated in any cell.
    let unknown: Int

    init(
        _ race: KnockoutRace, _ scored: ScoredGenes, _ options: KnockoutOptions, _ expression: ExpressionDifference,
        _ vocabulary: Vocabulary
    ) {
        let (pairs, table) = (scored.pairs, race.measurer.table)
        let shift = race.estimates(.toward(0))
        let others = options.alternatives.indices.map { race.estimates(.toward(2 + $0)) }
        let known = shift.observations(pairs).map { $0.map(\.value) }
        let seen = scored.rare.filter { !known[$0].isEmpty }
        unknown = scored.rare.count - seen.count
        let genes = scored.ranked + seen
        // Geneformer's statistics: each gene's shifts against those of all genes together, itself included.
        let reference = RankedReference(genes.flatMap { known[$0] })
        let pValues = genes.map { reference.test(known[$0]).pValue }
        let rates = benjaminiHochberg(pValues)
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

        func row(_ index: Int, rank: Int?) -> KnockoutRanking.Gene {
            let gene = genes[index]
            let own = pairs.ofGene[gene]
            let values = own.map { shift.values[$0] }.filter { !$0.isNaN }
            let neighbors = own.compactMap(table.neighborShift)
            let token = pairs.tokens[gene]
            let meanShift = shift.means[gene]
            return KnockoutRanking.Gene(
                rank: rank, gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "",
                score: scored.score(gene), interval: scored.interval(gene), shift: meanShift,
                shiftToAlternatives: zip(options.alternatives, others).map { ($0, $1.means[gene]) },
                populationEffect: meanShift * Double(own.count) / Double(pairs.cells.count),
                neighborShift: neighbors.isEmpty ? nil : mean(neighbors), pValue: pValues[index],
                falseDiscoveryRate: rates[index], cells: own.count,
                donors: options.donor == nil ? nil : pairs.unitsOfGene[gene],
                sameSign: values.isEmpty
                    ? nil
                    : Double(values.count { $0 * meanShift > 0 || ($0 == 0 && meanShift == 0) }) / Double(values.count),
                exact: own.allSatisfy(table.isMeasured), position: mean(own.map { Double(pairs.position[$0]) }),
                expressionDifference: expression[token])
        }
        func sorted(_ indices: Range<Int>) -> [Int] {
            let keys = indices.map { (scored.score(genes[$0]), vocabulary.entry(pairs.tokens[genes[$0]])?.id ?? "") }
            return indices.sorted {
                let (a, b) = (keys[$0 - indices.lowerBound], keys[$1 - indices.lowerBound])
                return (b.0, a.1) < (a.0, b.1)
            }
        }
        ranked = sorted(0..<scored.ranked.count).enumerated().map { row($1, rank: $0 + 1) }
        rare = sorted(scored.ranked.count..<genes.count).map { row($0, rank: nil) }
    }

    /// Rank correlation of the ranked genes' scores with another of their columns.
    func correlation(_ column: (KnockoutRanking.Gene) -> Double?) -> Double? {
        Self.correlation(ranked, column)
    }

    static func correlation(
        _ ranked: [KnockoutRanking.Gene], _ column: (KnockoutRanking.Gene) -> Double?
    ) -> Double? {
        let known = ranked.compactMap { gene in column(gene).map { (gene.score, $0) } }
        return spearmanCorrelation(known.map(\.0), known.map(\.1))
    }

    /// Ranks the genes by how much more the start cells express them, too, and says how far that is the same.
    static func compare(
        _ ranked: inout [KnockoutRanking.Gene], with baseline: KnockoutOptions.Baseline?, best: Int
    ) -> KnockoutRanking.BaselineAgreement? {
        guard let baseline else { return nil }
        let known = ranked.indices.filter { ranked[$0].expressionDifference != nil }
        let order = known.sorted {
            (ranked[$0].expressionDifference ?? 0, $0) < (ranked[$1].expressionDifference ?? 0, $1)
        }
        for (place, index) in order.enumerated() { ranked[index].baselineRank = place + 1 }
        let own = Set(known.prefix(best))
        let shared = own.isEmpty ? 0 : Double(own.intersection(order.prefix(best)).count) / Double(own.count)
        return .init(
            kind: baseline, spearman: correlation(ranked) { $0.expressionDifference.map { -$0 } },
            overlap: own.isEmpty ? nil : shared)
    }
}
