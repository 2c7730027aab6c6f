internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// One ranking: the states, the cells and their genes, and what is made of what the race finds.
struct KnockoutRun {
    private let options: KnockoutOptions
    private let embedder: StoredCellEmbedder
    private let states: KnockoutStates
    private let pairs: CellGenePairs
    private let expression: ExpressionDifference
    private let donors: Int?
    private let path: String
    private let begin = Date()

    /// Deletions in a cell that its mean rests on, at least: random genes are added to short lists.
    private static let deletionsPerCell = 16
    /// Of the forward passes of the exact run, where nobody says how many; and at least so many beside the estimates.
    private static let usualShare = 0.01
    private static let passesBesideEstimates = 500

    init(
        _ snapshot: Snapshot, _ options: KnockoutOptions, _ start: StartCells, _ states: KnockoutStates,
        _ embedder: StoredCellEmbedder, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.options = options
        self.path = path
        self.states = states
        self.embedder = embedder
        donors = start.donors
        let genes = try options.genes.map { Set(try embedder.genes($0)) }
        expression = try ExpressionDifference(
            from: start.rows, to: states.to.rows, vocabularyCount: embedder.model.vocabulary.count, in: transaction)
        var cells: [CellGenePairs.Cell] = []
        var perturbed: [[(token: UInt32, position: Int)]] = []
        for (row, unit) in zip(start.rows, start.units) {
            let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
            cells.append(.init(row: row, tokens: tokens, unit: unit))
            perturbed.append(Self.perturbed(tokens, row, genes, options, embedder.model))
        }
        pairs = CellGenePairs(cells, genes: perturbed, wanted: genes)
    }

    /// The wanted genes among what the model reads of a cell, and random others beside few; those that the perturbation changes.
    private static func perturbed(
        _ tokens: [UInt32], _ row: Int, _ genes: Set<UInt32>?, _ options: KnockoutOptions, _ model: EmbeddingModel
    ) -> [(token: UInt32, position: Int)] {
        let range = model.input(tokens).genes
        let possible = range.map { (token: tokens[$0], position: $0 - range.lowerBound) }
            .filter { options.mode.isPossible(position: $0.position, of: range.count) }
        guard let genes else { return possible }
        let wanted = possible.filter { genes.contains($0.token) }
        let others = possible.filter { !genes.contains($0.token) }
        guard !wanted.isEmpty, wanted.count < deletionsPerCell else { return wanted }
        var random = SeededRandom(seed: SeededRandom.mixed(options.seed) ^ UInt64(row))
        let more = random.sample(deletionsPerCell - wanted.count, of: others.count).map { others[$0] }
        return (wanted + more).sorted { $0.position < $1.position }
    }

    // MARK: Spending

    func ranking(control: Control) throws -> KnockoutRanking {
        warn(control)
        // What is done within seconds depends on the machine: it does not begin where another run ended.
        let journal =
            options.seconds == nil
            ? PassJournal(database: path, task: "knockouts", fingerprint: fingerprint(), warning: control.warning) : nil
        let measurer = PerturbationMeasurer(pairs, states, embedder, options, journal)
        let exactRun = measurer.cost(of: Array(0..<pairs.count))
        let costOfEstimates = measurer.forwardsPerEstimate * pairs.cells.count + Self.passesBesideEstimates
        let estimates = options.screen == .auto && measurer.canEstimate && costOfEstimates < exactRun
        let isLimited = options.budget != nil || options.seconds != nil
        let forwards: Int? =
            if let share = options.budget {
                Int((share * Double(exactRun)).rounded(.down))
            } else if estimates, !isLimited {
                max(Int(Self.usualShare * Double(exactRun)), costOfEstimates)
            } else {
                nil
            }
        var race = KnockoutRace(
            measurer, GenePrior(pairs.tokens.map(embedder.model.weights.wordEmbedding)),
            KnockoutBudget(forwards: forwards, seconds: options.seconds, stopsEarly: !isLimited, start: begin),
            options, control: control)
        if forwards ?? .max >= exactRun, options.seconds == nil {
            try race.measureAll()
        } else {
            try race.run(estimates: estimates)
        }
        let table = race.measurer.table
        if table.measuredPairs.isEmpty, table.estimatedCells.isEmpty, !race.scored().ranked.isEmpty {
            try control.checkCancelled("stopped before anything was known: run it again, perhaps with --max-cells")
            throw EmbDBError(
                .usage,
                options.seconds == nil
                    ? "the budget is too small for a single cell: the exact run has \(exactRun) passes, give more"
                    : "the time was over before anything was known: give more seconds")
        }
        let isPartial = control.isCancelled()
        if !isPartial { journal?.remove() }
        return answer(race, exactRun: exactRun, isPartial: isPartial)
    }

    /// Of all that the shifts depend on.
    private func fingerprint() -> String {
        var hash = SHA256()
        for text in [
            "shifts 2", embedder.model.sha256, embedder.description, options.mode.rawValue, "\(options.quartiles)",
            "\(options.k)",
            states.description,
            SIMDLevel.current, BLAS.kernelName,
        ] { hash.update(text) }
        for vector in states.vectors { hash.update(vector) }
        for cell in pairs.cells {
            hash.update("\(cell.row)")
            cell.tokens.withUnsafeBytes { hash.update($0) }
        }
        pairs.gene.withUnsafeBytes { hash.update($0) }
        pairs.tokens.withUnsafeBytes { hash.update($0) }
        return hash.finish()
    }

    private func warn(_ control: Control) {
        let both = pairs.cells.count { states.to[$0.row] }
        if both > 0 { control.warning("\(both) cells are selected by --from and by --to") }
        guard let names = options.genes, let wanted = try? Set(embedder.genes(names)) else { return }
        let seen = Set(pairs.tokens)
        let unseen = wanted.filter { !seen.contains($0) }.map(embedder.model.vocabulary.name).sorted()
        if !unseen.isEmpty {
            control.warning(
                "not ranked, because no --from cell has them among the genes that the model reads: "
                    + unseen.prefix(10).joined(separator: ", ")
                    + (unseen.count > 10 ? " and \(unseen.count - 10) more" : ""))
        }
    }

    // MARK: The answer

    private func answer(_ race: KnockoutRace, exactRun: Int, isPartial: Bool) -> KnockoutRanking {
        let scored = race.scored()
        let rows = KnockoutRows(race, scored, options, expression, embedder.model.vocabulary)
        let half = scored.halfSplitOverlap(seed: options.seed)
        var ranked = rows.ranked
        let baseline = KnockoutRows.compare(&ranked, with: options.baseline, best: scored.best)
        return KnockoutRanking(
            model: embedder.model.summary, observed: nil, donors: donors, baseline: baseline,
            fromCells: pairs.cells.count, toCells: states.to.population,
            mode: options.mode, seconds: Date().timeIntervalSince(begin), forwards: race.measurer.forwards,
            forwardsOfExactRun: exactRun, isPartial: isPartial,
            reliability: .init(
                best: scored.best, halfSplitOverlap: half, chance: scored.chance,
                intraclassCorrelation: scored.components.intraclassCorrelation,
                predictedOverlap: race.predictedOverlap(scored), pilotSpearman: race.pilot?.spearman,
                pilotSlope: race.pilot?.slope, pilotPairs: race.pilot?.pairs, usesEstimates: race.usesEstimates,
                isSupported: scored.isSupported(states.separation, halfSplitOverlap: half),
                cellsNeeded: scored.cellsNeeded, stateSeparation: states.separation.accuracy,
                statesDiffer: states.separation.isPlain,
                minimumCells: scored.minimumCells, positionCorrelation: rows.correlation(\.position),
                expressionCorrelation: rows.correlation(\.expressionDifference)),
            ranking: ranked, rare: rows.rare, unknown: rows.unknown)
    }
}
