internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Synchronization
internal import Tokenizers

/// Perturbs genes in chosen cells and compares each embedding with that of the cell as it is.
struct PerturbRun {
    private let snapshot: Snapshot
    private let options: PerturbOptions
    private let embedder: StoredCellEmbedder
    private let plan: PerturbPlan
    private let rows: [Int]
    private let goal: Direction?
    private var leftOut = 0
    private var forwards = 0
    private var results: [PerturbAnswer.Result] = []
    private var perturbed: Set<UInt32> = []
    private var affected = AffectedGenes()

    /// Cells are gathered until they make so many passes.
    private static let batch = 256
    /// Genes next to one, on each side, that its effect is compared with.
    private static let nextGenes = 10

    init(
        _ snapshot: Snapshot, _ options: PerturbOptions, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.snapshot = snapshot
        self.options = options
        guard options.neighbors >= 0 else {
            throw EmbDBError(.usage, "\(options.neighbors) neighbors: give a whole number from 0")
        }
        rows = try snapshot.drawnRows(
            selectedBy: options.cells, option: "--cells", atMost: options.maximumCells, seed: options.seed,
            in: transaction)
        goal = try options.toward.map { text in
            try snapshot.direction(to: snapshot.rows(selectedBy: text, option: "--toward", in: transaction))
        }
        embedder = try StoredCellEmbedder(snapshot, threads: options.threads, path: path, in: transaction)
        plan = try PerturbPlan(options, embedder)
    }

    // MARK: The loop

    /// A cell that waits to be embedded, unperturbed first, then once a variant.
    private struct Work {
        let row: Int
        let cell: String
        let tokens: [UInt32]
        let changes: [PerturbPlan.Change]
        /// Sets of genes that are perturbed: those of the changes, and, for synergy, their genes one by one.
        let variants: [[UInt32]]
    }

    mutating func perform(control: Control, in transaction: borrowing ReadTransaction) throws {
        var waiting: [Work] = []
        var count = 0
        for (done, row) in rows.enumerated() {
            try control.checkCancelled("stopped; nothing is kept: run it again, perhaps with --max-cells")
            let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
            let (changes, leftOut) = plan.changes(of: tokens[embedder.model.input(tokens).genes])
            self.leftOut += leftOut
            if !changes.isEmpty {
                let work = Work(
                    row: row, cell: try StoredCells.id(ofRow: row, in: transaction), tokens: tokens, changes: changes,
                    variants: variants(of: changes))
                waiting.append(work)
                count += work.variants.count + 1
            }
            if count >= Self.batch || done == rows.count - 1 {
                try measure(waiting, control, in: transaction)
                waiting.removeAll()
                count = 0
                control.progress(.init(unit: "cells", phase: "perturbing", done: done + 1, total: rows.count))
            }
        }
    }

    private func variants(of changes: [PerturbPlan.Change]) -> [[UInt32]] {
        var seen: Set<[UInt32]> = []
        let singles = plan.hasSynergy ? changes.flatMap { $0.genes.map { [$0] } } : []
        return (changes.map(\.genes) + singles).filter { seen.insert($0).inserted }
    }

    private mutating func measure(
        _ cells: [Work], _ control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        let inputs = cells.flatMap { cell in
            ([[]] + cell.variants).map { StoredCellEmbedder.PerturbedCell(tokens: cell.tokens, genes: $0) }
        }
        let states = options.affectedGenes ? HiddenStates(inputs.count) : nil
        let matrix = try embedder.embed(
            inputs, options.mode, options.quartiles, control: control,
            lending: states.map { states in { @Sendable number, genes, hidden in states.set(number, genes, hidden) } })
        forwards += inputs.count
        let neighbors = try neighbors(
            matrix,
            rows: cells.flatMap { cell in
                Array(repeating: cell.row, count: cell.variants.count + 1)
            }, in: transaction)
        var next = 0
        for cell in cells {
            add(cell, matrix, from: next, neighbors)
            if let states { affected.add(cell.variants, from: next, states, wanted: cell.changes) }
            next += cell.variants.count + 1
        }
    }

    /// Rows of one cell: its embedding as it is stands at `first`, then its variants.
    private mutating func add(_ cell: Work, _ matrix: Matrix, from first: Int, _ neighbors: [[String]]) {
        let before = Array(matrix[row: first])
        let original = Direction(before)
        var places: [[UInt32]: Int] = [:]
        for (place, variant) in cell.variants.enumerated() { places[variant] = first + 1 + place }
        func effect(_ genes: [UInt32]) -> (similarity: Double, shift: Double?)? {
            places[genes].map { place in
                let after = Array(matrix[row: place])
                return (original.cosine(after), goal.map { $0.cosine(after) - $0.cosine(before) })
            }
        }
        let effects = cell.changes.compactMap { effect($0.genes) }
        for (index, change) in cell.changes.enumerated() {
            let (similarity, shift) = effects[index]
            perturbed.formUnion(change.genes)
            var synergy: Double?
            if plan.hasSynergy {
                let singles = change.genes.compactMap { effect([$0]) }.map { $0.shift ?? 1 - $0.similarity }
                synergy = (shift ?? 1 - similarity) - singles.reduce(0, +)
            }
            results.append(
                .init(
                    cell: cell.cell, gene: change.gene.map(name), genes: change.genes.map(name),
                    position: change.position, found: change.found, similarity: similarity, shift: shift,
                    synergy: synergy, beyondPosition: beyondPosition(index, effects.map { 1 - $0.similarity }),
                    neighborsBefore: neighbors.isEmpty ? [] : neighbors[first],
                    neighborsAfter: neighbors.isEmpty ? [] : neighbors[places[change.genes] ?? first]))
        }
    }

    /// The effect less the mean of those next to it, if all genes of a cell are there, one by one.
    private func beyondPosition(_ index: Int, _ effects: [Double]) -> Double? {
        guard plan.genes == nil, !plan.hasSynergy, effects.count > 2 else { return nil }
        let near = (index - Self.nextGenes...index + Self.nextGenes).filter {
            effects.indices.contains($0) && $0 != index
        }
        return effects[index] - near.reduce(0) { $0 + effects[$1] } / Double(near.count)
    }

    /// Ids of the nearest stored cells of each embedding, without the cell it was made from.
    private func neighbors(
        _ embeddings: Matrix, rows: [Int], in transaction: borrowing ReadTransaction
    ) throws -> [[String]] {
        guard options.neighbors > 0 else { return [] }
        var ids: [[String]] = []
        for neighbors in snapshot.nearestOthers(
            of: embeddings, k: options.neighbors, threads: options.threads, row: { rows[$0] })
        {
            var own: [String] = []
            for row in neighbors { own.append(try StoredCells.id(ofRow: row, in: transaction)) }
            ids.append(own)
        }
        return ids
    }

    // MARK: The answer

    private func name(_ token: UInt32) -> PerturbAnswer.Gene {
        let vocabulary = embedder.model.vocabulary
        return .init(gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "")
    }

    func answer(seconds: Double) -> PerturbAnswer {
        let placed = goal == nil ? results.filter { $0.genes.count == 1 && $0.position != nil } : []
        return PerturbAnswer(
            model: embedder.model.summary, mode: options.mode, genes: (plan.genes ?? perturbed.sorted()).map(name),
            cells: rows.count, leftOut: leftOut, seconds: seconds, forwards: forwards, results: results,
            positionCorrelation: spearmanCorrelation(
                placed.map { 1 - $0.similarity }, placed.map { Double($0.position ?? 0) }),
            affected: affected.rows(name))
    }
}
