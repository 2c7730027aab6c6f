internal import Numerics

/// Spends a budget of forward passes where it tells most about a ranking: estimates of all pairs of as many cells as it is enough for,
/// a check of these against measured pairs, and then pairs of the genes that are nearest to the boundary of the best ones.
///
/// The boundary is one for the score, and one for the shift towards the goal: rounds go to them in turn.
struct KnockoutRace {
    private let pairs: CellGenePairs
    private let prior: GenePrior
    private let budget: KnockoutBudget
    private let minimumCells: Int?
    private let areNamed: Bool
    private let control: Control
    private var random: SeededRandom
    private(set) var measurer: PerturbationMeasurer
    /// Whether estimates count: they were found good enough, or it ended before they could be checked.
    private(set) var usesEstimates = false
    /// Of the check: nil without estimates.
    private(set) var pilot: ShiftEstimator.Agreement?

    /// Deletions of the check: genes, and cells of each.
    private static let pilotGenes = 32
    private static let pilotCellsPerGene = 4
    /// Estimated cells that the check is made on.
    private static let pilotCells = 32
    /// Genes that get one more measurement in a round: at least so many, or one part in so many.
    private static let leastGenesPerRound = 16
    private static let partOfGenesPerRound = 8

    init(
        _ measurer: PerturbationMeasurer, _ prior: GenePrior, _ budget: KnockoutBudget, _ options: KnockoutOptions,
        control: Control
    ) {
        pairs = measurer.pairs
        self.measurer = measurer
        self.prior = prior
        self.budget = budget
        minimumCells = options.minimumCells
        areNamed = options.genes != nil
        self.control = control
        random = SeededRandom(seed: SeededRandom.mixed(options.seed &+ 0x5ACE))
    }

    /// Estimates, checks and measures, until the budget is spent.
    mutating func run(estimates: Bool) throws {
        if estimates { usesEstimates = try estimate() }
        if !usesEstimates, !isOver { try start() }
        try race()
    }

    /// All pairs.
    mutating func measureAll() throws {
        let order = random.permutation(pairs.cells.count)
        var wanted: [Int] = []
        for (done, cell) in order.enumerated() {
            wanted += pairs.ofCell(cell)
            guard wanted.count >= 256 || done == order.count - 1 else { continue }
            guard try measurer.measure(wanted, control: control) else { return }
            wanted = []
            control.progress(.init(unit: "cells", phase: "perturbing", done: done + 1, total: order.count))
        }
    }

    /// A control that also stops when so much of the time is over.
    private func stopping(share: Double) -> Control {
        let (control, budget) = (control, budget)
        return Control(
            progress: control.progress, warning: control.warning,
            isCancelled: { control.isCancelled() || budget.isLate(share: share) })
    }

    private var stopping: Control { stopping(share: 1) }

    private var isOver: Bool { budget.isOver(spent: measurer.forwards) || control.isCancelled() }

    func estimator(_ statistic: ShiftStatistic) -> ShiftEstimator {
        ShiftEstimator(pairs, measurer.table, statistic, usesEstimates: usesEstimates, prior: prior)
    }

    func estimates(_ statistic: ShiftStatistic) -> GeneEstimates { estimator(statistic).estimates(measurer.table) }

    /// Which genes are ranked, and how, by what is known so far.
    func scored() -> ScoredGenes {
        ScoredGenes(pairs, estimates(.difference), minimumCells: minimumCells, areNamed: areNamed)
    }

    // MARK: Estimates

    /// - Returns: whether they are used: they are good enough, or it ended before they could be checked.
    private mutating func estimate() throws -> Bool {
        let order = random.permutation(pairs.cells.count).filter { !pairs.ofCell($0).isEmpty }
        let pilotCost = Self.pilotGenes * Self.pilotCellsPerGene
        let affordable = budget.forwards.map { ($0 - pilotCost) / measurer.forwardsPerEstimate } ?? order.count
        let count = min(order.count, affordable)
        guard count >= Self.pilotCellsPerGene else { return false }
        let first = Array(order[..<min(count, Self.pilotCells)])
        let isWhole = try add(first, of: count, from: 0)
        guard !measurer.table.estimatedCells.isEmpty else { return false }
        guard try !control.isCancelled() && check(in: measurer.table.estimatedCells) else {
            return pilot == nil && isOver
        }
        if isWhole { _ = try add(Array(order[first.count..<count]), of: count, from: first.count) }
        return true
    }

    private mutating func add(_ cells: [Int], of count: Int, from done: Int) throws -> Bool {
        let control = control
        return try measurer.estimate(cells, control: stopping(share: KnockoutBudget.shareOfEstimates)) {
            control.progress(.init(unit: "cells", phase: "estimating", done: done + $0, total: count))
        }
    }

    /// Measures some deletions of estimated cells, and compares.
    private mutating func check(in cells: [Int]) throws -> Bool {
        let wanted = pilotPairs(in: cells, genes: Self.pilotGenes)
        guard try measurer.measure(wanted, control: stopping) else { return false }
        let found = ShiftEstimator(pairs, measurer.table, .difference, usesEstimates: true, prior: prior)
            .agreement(measurer.table)
        pilot = found
        return found.isGood
    }

    /// So many genes, one of each share of the ranks, in four of the cells each; where that is too few, any pairs beside them.
    private mutating func pilotPairs(in cells: [Int], genes count: Int) -> [Int] {
        let some = Set(cells)
        var own: [(position: Double, pairs: [Int])] = []
        for gene in scored().ranked {
            let found = pairs.ofGene[gene].filter { some.contains(pairs.cell[$0]) }
            guard found.count >= Self.pilotCellsPerGene else { continue }
            let positions = found.reduce(0) { $0 + pairs.position[$1] }
            own.append((Double(positions) / Double(found.count), found))
        }
        // Stable, so that equal positions are in the order of tokens.
        own.sort { $0.position < $1.position }
        var wanted: [Int] = []
        let chosen = min(count, own.count)
        for number in 0..<chosen {
            let (low, high) = (number * own.count / chosen, (number + 1) * own.count / chosen)
            let found = own[low + random.number(below: high - low)].pairs
            wanted += random.sample(Self.pilotCellsPerGene, of: found.count).map { found[$0] }
        }
        let missing = (count - chosen) * Self.pilotCellsPerGene
        if missing > 0 {
            let seen = Set(wanted)
            let rest = cells.sorted().flatMap { pairs.ofCell($0) }.filter { !seen.contains($0) }
            wanted += random.sample(missing, of: rest.count).map { rest[$0] }
        }
        return wanted.sorted()
    }

    // MARK: Measurements

    /// Without estimates: some genes in four cells each, which tell how much cells differ; then one cell of each gene, out of
    /// as few cells as the budget is enough for.
    private mutating func start() throws {
        if measurer.table.measuredPairs.isEmpty {
            let limit = budget.forwards ?? 15 * pairs.cells.count
            let genes = min(Self.pilotGenes, limit / 4 / Self.pilotCellsPerGene)
            let cells = random.permutation(pairs.cells.count).prefix(min(Self.pilotCells, max(4, limit / 32)))
            if genes > 0, !(try measure(pilotPairs(in: Array(cells), genes: genes))) { return }
        }
        let left = (budget.forwards ?? 15 * pairs.cells.count) - measurer.forwards
        let some = Set(random.permutation(pairs.cells.count).prefix(max(4, left / 15)))
        var wanted: [Int] = []
        for gene in scored().ranked {
            let near = pairs.ofGene[gene].filter { some.contains(pairs.cell[$0]) }
            let own = near.isEmpty ? pairs.ofGene[gene] : near
            wanted.append(own[random.number(below: own.count)])
        }
        _ = try measure(wanted.filter { !measurer.table.isMeasured($0) })
    }

    private mutating func race() throws {
        var round = 0
        while !isOver {
            let scored = scored()
            if budget.stopsEarly, predictedOverlap(scored) ?? 1 >= KnockoutBudget.enoughOverlap { return }
            let wanted = undecided(scored, byShift: round % 2 == 1)
            guard !wanted.isEmpty, try measure(wanted) else { return }
            round += 1
            if let limit = budget.forwards {
                control.progress(
                    .init(unit: "passes", phase: "measuring", done: min(measurer.forwards, limit), total: limit))
            }
        }
    }

    /// One more pair of each of the genes that may as well be among the best as not.
    private mutating func undecided(_ scored: ScoredGenes, byShift: Bool) -> [Int] {
        let estimates = byShift ? estimates(.toward(0)) : scored.estimates
        func weight(_ gene: Int) -> Double { byShift ? 1 : scored.trust(gene) }
        let values = scored.ranked.map { estimates.means[$0] * weight($0) }.sorted(by: >)
        guard !values.isEmpty else { return [] }
        let boundary = (values[scored.best - 1] + values[min(scored.best, values.count - 1)]) / 2
        let open = scored.ranked.filter { gene in
            pairs.ofGene[gene].contains { !measurer.table.isMeasured($0) }
        }
        let nearness = open.map { gene in
            abs(estimates.means[gene] * weight(gene) - boundary)
                / max(estimates.deviations[gene] * weight(gene), 1e-300)
        }
        let chosen = open.indices.sorted { (nearness[$0], $0) < (nearness[$1], $1) }
            .prefix(max(Self.leastGenesPerRound, scored.ranked.count / Self.partOfGenesPerRound))
        return chosen.map { index in
            let left = pairs.ofGene[open[index]].filter { !measurer.table.isMeasured($0) }
            return left[random.number(below: left.count)]
        }
    }

    /// As many of the pairs as the budget is enough for.
    private mutating func measure(_ wanted: [Int]) throws -> Bool {
        var some = wanted
        if let limit = budget.forwards {
            while !some.isEmpty, measurer.forwards + measurer.cost(of: some) > limit { some.removeLast() }
        }
        return try !some.isEmpty && measurer.measure(some.sorted(), control: stopping)
    }

    // MARK: What it comes to

    func predictedOverlap(_ scored: ScoredGenes) -> Double? {
        let isExact = measurer.table.measuredPairs.count == pairs.count
        return scored.predictedOverlap(isExact: isExact, doubt: usesEstimates ? 0.02 : 0.1)
    }
}
