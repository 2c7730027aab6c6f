internal import CellTransformer
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Perturbs genes in chosen cells and compares each embedding with that of the cell as it is.
struct PerturbRun {
    private let snapshot: Snapshot
    private let options: PerturbOptions
    private let embedder: StoredCellEmbedder
    private let rows: [Int]
    private let goal: Direction?
    /// nil: every gene that a cell has.
    private let genes: [UInt32]?
    private var leftOut = 0
    private var forwards = 0
    private var results: [PerturbAnswer.Result] = []
    private var perturbed: Set<UInt32> = []

    /// Cells are gathered until they make so many passes.
    private static let batch = 256

    init(
        _ snapshot: Snapshot, _ options: PerturbOptions, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.snapshot = snapshot
        self.options = options
        guard options.genes != nil || !options.together else {
            throw EmbDBError(
                .usage, "all genes together leave nothing of a cell: name the genes, or leave --together out")
        }
        rows = try snapshot.drawnRows(
            selectedBy: options.cells, option: "--cells", atMost: options.maximumCells, seed: options.seed,
            in: transaction)
        goal = try options.toward.map { text in
            try snapshot.direction(to: snapshot.rows(selectedBy: text, option: "--toward", in: transaction))
        }
        let embedder = try StoredCellEmbedder(snapshot, threads: options.threads, path: path, in: transaction)
        self.embedder = embedder
        var seen: Set<UInt32> = []
        genes = try options.genes.map { try embedder.genes($0).filter { seen.insert($0).inserted } }
    }

    // MARK: The loop

    /// A cell that waits to be embedded, unperturbed first, then once a change.
    private struct Work {
        let cell: String
        let tokens: [UInt32]
        let changes: [Change]
    }

    /// Genes that are perturbed at once.
    private struct Change {
        let genes: [UInt32]
        let position: Int?
        let found: Int
    }

    mutating func perform(control: Control, in transaction: borrowing ReadTransaction) throws {
        var waiting: [Work] = []
        var count = 0
        for (done, row) in rows.enumerated() {
            try control.checkCancelled("stopped; nothing is kept: run it again, perhaps with --max-cells")
            let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
            let changes = changes(of: tokens)
            if !changes.isEmpty {
                waiting.append(
                    Work(cell: try StoredCells.id(ofRow: row, in: transaction), tokens: tokens, changes: changes))
                count += changes.count + 1
            }
            if count >= Self.batch || done == rows.count - 1 {
                try measure(waiting, control)
                waiting.removeAll()
                count = 0
                control.progress(.init(unit: "cells", phase: "perturbing", done: done + 1, total: rows.count))
            }
        }
    }

    /// What is done to a cell. A gene that it has not cannot be deleted, nor can the last ones; of all its genes, the one in
    /// front cannot be moved there.
    private mutating func changes(of tokens: [UInt32]) -> [Change] {
        let range = embedder.model.input(tokens).genes
        let own = tokens[range]
        var positions: [UInt32: Int] = [:]
        for index in range { positions[tokens[index]] = index - range.lowerBound }
        let all = options.mode == .delete ? own : own.dropFirst()
        let wanted = options.together ? [genes ?? []] : (genes ?? Array(all)).map { [$0] }
        return wanted.compactMap { genes in
            let found = genes.count { positions[$0] != nil }
            if options.mode == .delete, found == 0 || found == own.count {
                leftOut += 1
                return nil
            }
            return Change(genes: genes, position: options.together ? nil : positions[genes[0]], found: found)
        }
    }

    private mutating func measure(_ cells: [Work], _ control: Control) throws {
        let inputs = try cells.flatMap { cell in
            [cell.tokens] + (try cell.changes.map { try embedder.perturbed(cell.tokens, $0.genes, options.mode) })
        }
        let matrix = try embedder.embed(inputs, control: control)
        forwards += inputs.count
        var next = 0
        for cell in cells {
            let before = Array(matrix[row: next])
            let original = Direction(before)
            for (offset, change) in cell.changes.enumerated() {
                let after = Array(matrix[row: next + 1 + offset])
                perturbed.formUnion(change.genes)
                results.append(
                    .init(
                        cell: cell.cell, gene: options.together ? nil : name(change.genes[0]),
                        position: change.position, found: change.found, similarity: original.cosine(after),
                        shift: goal.map { $0.cosine(after) - $0.cosine(before) }))
            }
            next += cell.changes.count + 1
        }
    }

    // MARK: The answer

    private func name(_ token: UInt32) -> PerturbAnswer.Gene {
        let vocabulary = embedder.model.vocabulary
        return .init(gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "")
    }

    func answer(seconds: Double) -> PerturbAnswer {
        PerturbAnswer(
            model: embedder.model.summary, mode: options.mode, genes: (genes ?? perturbed.sorted()).map(name),
            cells: rows.count, leftOut: leftOut, seconds: seconds, forwards: forwards, results: results)
    }
}
