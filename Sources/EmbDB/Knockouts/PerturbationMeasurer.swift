internal import CellTransformer
internal import Numerics
internal import Tokenizers

/// Embeds perturbed cells, one by one or all of a cell by an estimate, and writes down by how much they moved.
struct PerturbationMeasurer {
    let pairs: CellGenePairs
    let states: KnockoutStates
    let embedder: StoredCellEmbedder
    private let mode: KnockoutOptions.Mode
    private let quartiles: Int
    private let screen: DeletionScreen?
    private let journal: PassJournal?
    private(set) var table: ShiftTable
    /// Passes through the transformer, a backward one counted as two.
    private(set) var forwards = 0
    /// Of the cells as they are: cosines, and the share of goal cells among the nearest behind them.
    private var originals: [Int: [Double]] = [:]

    init(
        _ pairs: CellGenePairs, _ states: KnockoutStates, _ embedder: StoredCellEmbedder,
        _ options: KnockoutOptions, _ journal: PassJournal?
    ) {
        self.journal = journal
        self.pairs = pairs
        self.states = states
        self.embedder = embedder
        mode = options.mode
        quartiles = options.quartiles
        screen = mode == .delete ? embedder.screen() : nil
        table = ShiftTable(pairs: pairs.count, directions: states.directions.count)
    }

    var canEstimate: Bool { screen != nil }

    /// What the estimate of a cell costs, the cell as it is included.
    var forwardsPerEstimate: Int { 1 + (screen?.forwards(directions: states.directions.count) ?? 0) }

    /// What measuring these pairs costs.
    func cost(of pairs: [Int]) -> Int {
        pairs.count + Set(pairs.map { self.pairs.cell[$0] }.filter { originals[$0] == nil }).count
    }

    // MARK: Measuring

    /// - Returns: false if the caller wants to stop; what was done so far is in the table.
    mutating func measure(_ wanted: [Int], control: Control, progress: (Int) -> Void = { _ in }) throws -> Bool {
        // Of several cells together, so that short gene lists keep all threads busy too.
        let step = embedder.passesOfStep(pairs.cells.map(\.tokens.count).max() ?? 0)
        var next = 0
        while next < wanted.count {
            if control.isCancelled() { return false }
            let some = wanted[next..<min(wanted.count, next + step)]
            guard try measureAtOnce(Array(some), control) else { return false }
            next += some.count
            progress(next)
        }
        return true
    }

    private mutating func measureAtOnce(_ wanted: [Int], _ control: Control) throws -> Bool {
        let unseen = Set(wanted.map { pairs.cell[$0] }).filter { originals[$0] == nil }.sorted()
        forwards += unseen.count + wanted.count
        let fresh = unseen.filter { cell in
            originals[cell] = journal?.take(.original, cell)
            return originals[cell] == nil
        }
        let some = wanted.filter { pair in
            guard let values = journal?.take(.measured, pair), values.count == table.directions + 1 else { return true }
            table.setMeasured(pair, values)
            return false
        }
        guard !fresh.isEmpty || !some.isEmpty else { return true }
        let inputs =
            fresh.map { StoredCellEmbedder.PerturbedCell(tokens: pairs.cells[$0].tokens, genes: []) }
            + some.map { pair in
                .init(tokens: pairs.cells[pairs.cell[pair]].tokens, genes: [pairs.tokens[pairs.gene[pair]]])
            }
        guard let embeddings = try embedded(inputs, control) else {
            forwards -= unseen.count + wanted.count
            return false
        }
        let cells = fresh + some.map { pairs.cell[$0] }
        let shares = states.goalShares(embeddings) { pairs.cells[cells[$0]].row }
        for (index, cell) in fresh.enumerated() {
            let values = states.cosines(embeddings[row: index]) + [shares[index]]
            originals[cell] = values
            journal?.add(.original, cell, values)
        }
        for (index, pair) in some.enumerated() {
            guard let before = originals[pairs.cell[pair]] else { continue }
            let after = states.cosines(embeddings[row: fresh.count + index]) + [shares[fresh.count + index]]
            let values = zip(after, before).map(-)
            table.setMeasured(pair, values)
            journal?.add(.measured, pair, values)
        }
        journal?.write()
        return true
    }

    /// nil if the caller wants to stop.
    private func embedded(_ inputs: [StoredCellEmbedder.PerturbedCell], _ control: Control) throws -> Matrix? {
        do {
            return try embedder.embed(inputs, mode, quartiles, control: control)
        } catch let error as TransformerError where error.code == .stopped {
            return nil
        }
    }

    // MARK: Estimating

    /// Estimates all pairs of some cells, in their order.
    ///
    /// - Returns: false if the caller wants to stop; what was done so far is in the table.
    mutating func estimate(_ cells: [Int], control: Control, progress: (Int) -> Void = { _ in }) throws -> Bool {
        guard let screen else { return true }
        let step = 4 * embedder.threads
        for first in stride(from: 0, to: cells.count, by: step) {
            if control.isCancelled() { return false }
            let some = cells[first..<min(cells.count, first + step)].filter { !restore($0) }
            if some.isEmpty { continue }
            guard let originals = try embedded(some.map { .init(tokens: pairs.cells[$0].tokens, genes: []) }, control),
                let estimates = try estimated(some, screen, control)
            else { return false }
            forwards += some.count * forwardsPerEstimate
            let shares = states.goalShares(originals) { pairs.cells[some[$0]].row }
            for (index, cell) in some.enumerated() {
                let before = states.cosines(originals[row: index]) + [shares[index]]
                self.originals[cell] = before
                journal?.add(.original, cell, before)
                add(estimates[index], of: cell, before)
            }
            journal?.write()
            progress(min(cells.count, first + step))
        }
        return true
    }

    /// What an earlier run estimated of a cell.
    private mutating func restore(_ cell: Int) -> Bool {
        let (own, width) = (pairs.ofCell(cell), table.directions + 1)
        guard let original = journal?.take(.original, cell), original.count == width,
            let values = journal?.take(.estimated, cell), values.count == own.count * width
        else { return false }
        originals[cell] = original
        table.setEstimated(
            cell,
            own.enumerated().map { ($1, Array(values[$0 * width..<($0 + 1) * width])) })
        forwards += forwardsPerEstimate
        return true
    }

    /// nil if the caller wants to stop.
    private func estimated(
        _ cells: [Int], _ screen: DeletionScreen, _ control: Control
    ) throws -> [DeletionEstimate]? {
        do {
            return try screen.estimate(
                cells.map { embedder.model.input(pairs.cells[$0].tokens) }, to: states.vectors,
                cellDone: { !control.isCancelled() })
        } catch {
            if error.code == .stopped { return nil }
            throw error
        }
    }

    private mutating func add(_ estimate: DeletionEstimate, of cell: Int, _ before: [Double]) {
        let shares = states.goalShares(estimate.embeddings) { _ in pairs.cells[cell].row }
        let shifts = pairs.ofCell(cell).map { pair in
            let place = pairs.position[pair]
            let after = estimate.cosines.map { $0[place] } + [shares[place]]
            return (pair, zip(after, before).map(-))
        }
        table.setEstimated(cell, shifts)
        journal?.add(.estimated, cell, shifts.flatMap(\.1))
    }
}
