internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// One ranking: the states, the loop over cells, and what is kept of every perturbed embedding.
struct KnockoutRun {
    private let snapshot: Snapshot
    private let options: KnockoutOptions
    private let embedder: StoredCellEmbedder
    private let from: [Int]
    private let to: Bitmap
    private let goal: Direction
    private let alternatives: [(state: String, direction: Direction)]
    private let expression: ExpressionDifference
    /// nil: every gene that a cell has.
    private let genes: Set<UInt32>?
    private var effects: [UInt32: GeneEffect] = [:]
    private var forwards = 0

    /// Cells are gathered until they make so many passes, so that short gene lists keep all threads busy too.
    private static let batch = 256

    init(_ snapshot: Snapshot, _ options: KnockoutOptions, path: String, in transaction: borrowing ReadTransaction)
        throws
    {
        self.snapshot = snapshot
        self.options = options
        guard options.k >= 1 else { throw EmbDBError(.usage, "k is \(options.k): give a whole number from 1") }
        from = try snapshot.drawnRows(
            selectedBy: options.from, option: "--from", atMost: options.maximumCells, seed: options.seed,
            in: transaction)
        to = try snapshot.rows(selectedBy: options.to, option: "--to", in: transaction)
        goal = snapshot.direction(to: to)
        alternatives = try options.alternatives.map { text in
            (
                text,
                snapshot.direction(to: try snapshot.rows(selectedBy: text, option: "--alternative", in: transaction))
            )
        }
        let embedder = try StoredCellEmbedder(snapshot, threads: options.threads, path: path, in: transaction)
        self.embedder = embedder
        genes = try options.genes.map { Set(try embedder.genes($0)) }
        expression = try ExpressionDifference(
            from: from, to: to.rows, vocabularyCount: embedder.model.vocabulary.count, in: transaction)
    }

    // MARK: The loop

    /// A cell that waits to be embedded, unperturbed first, then once a gene.
    private struct Work {
        let row: Int
        let tokens: [UInt32]
        /// Perturbed genes with their position among the cell's genes.
        let genes: [(token: UInt32, position: Int)]
    }

    mutating func perform(control: Control, in transaction: borrowing ReadTransaction) throws {
        var waiting: [Work] = []
        var count = 0
        for (done, row) in from.enumerated() {
            try control.checkCancelled("stopped; a ranking keeps nothing: run it again, perhaps with --max-cells")
            let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
            let work = Work(row: row, tokens: tokens, genes: perturbable(tokens))
            waiting.append(work)
            count += work.genes.count + 1
            if count >= Self.batch || done == from.count - 1 {
                try measure(waiting, control)
                waiting.removeAll()
                count = 0
                control.progress(.init(unit: "cells", phase: "perturbing", done: done + 1, total: from.count))
            }
        }
        let both = from.count { to[$0] }
        if both > 0 { control.warning("\(both) cells are selected by --from and by --to") }
        let unseen = (genes ?? []).filter { effects[$0] == nil }.map(embedder.model.vocabulary.name).sorted()
        if !unseen.isEmpty {
            control.warning(
                "not ranked, because no --from cell has them among the genes that the model reads: "
                    + unseen.prefix(10).joined(separator: ", ")
                    + (unseen.count > 10 ? " and \(unseen.count - 10) more" : ""))
        }
    }

    /// The wanted genes among what the model reads of a cell. The last one of a cell cannot be deleted, and the one in
    /// front cannot be moved there.
    private func perturbable(_ tokens: [UInt32]) -> [(token: UInt32, position: Int)] {
        let input = embedder.model.input(tokens)
        var found: [(token: UInt32, position: Int)] = []
        for index in input.genes {
            let position = index - input.genes.lowerBound
            let isPossible = options.mode == .delete ? input.genes.count > 1 : position > 0
            if isPossible, genes?.contains(tokens[index]) ?? true { found.append((tokens[index], position)) }
        }
        return found
    }

    /// Embeds the cells as they are and perturbed, and adds what changed.
    private mutating func measure(_ cells: [Work], _ control: Control) throws {
        let inputs = try cells.flatMap { cell in
            [cell.tokens] + (try cell.genes.map { try embedder.perturbed(cell.tokens, [$0.token], options.mode) })
        }
        let matrix = try embedder.embed(inputs, control: control)
        let embeddings = (0..<matrix.rows).map { Array(matrix[row: $0]) }
        forwards += inputs.count
        let shares = goalShares(
            embeddings, cells: cells.flatMap { Array(repeating: $0.row, count: $0.genes.count + 1) })
        var next = 0
        for cell in cells {
            let before = cosines(embeddings[next])
            let shareBefore = shares[next]
            for (offset, gene) in cell.genes.enumerated() {
                let index = next + 1 + offset
                let after = cosines(embeddings[index])
                effects[gene.token, default: GeneEffect(alternatives: alternatives.count)].add(
                    shift: after.goal - before.goal, alternatives: zip(after.alternatives, before.alternatives).map(-),
                    neighborShift: shares[index] - shareBefore, position: gene.position)
            }
            next += cell.genes.count + 1
        }
    }

    private func cosines(_ embedding: [Float]) -> Cosines {
        Cosines(embedding, goal, alternatives.map(\.direction))
    }

    /// For each embedding, the share of goal cells among its k nearest stored cells, without the cell it was made from.
    private func goalShares(_ embeddings: [[Float]], cells: [Int]) -> [Double] {
        let keepsAll = snapshot.live.population == snapshot.live.count
        let queries = Matrix(
            rows: embeddings.count, columns: snapshot.set.dimension, values: embeddings.flatMap { $0 })
        let found = snapshot.index.search(
            queries: queries, k: min(options.k, snapshot.state.rows) + 1, ef: snapshot.defaultEf,
            keeping: keepsAll ? nil : snapshot.live,
            threads: options.threads)
        return zip(found, cells).map { result, cell in
            let neighbors = result.neighbors.filter { $0.row != cell }.prefix(options.k)
            guard !neighbors.isEmpty else { return 0 }
            return Double(neighbors.count { to[$0.row] }) / Double(neighbors.count)
        }
    }

    // MARK: The answer

    func ranking(seconds: Double) -> KnockoutRanking {
        let vocabulary = embedder.model.vocabulary
        let ranked = effects.filter { $0.value.shifts.count >= options.minimumCells }
            .map { (token: $0.key, effect: $0.value, mean: $0.value.meanShift, id: vocabulary.entry($0.key)?.id ?? "") }
            .sorted { ($1.mean, $0.id) < ($0.mean, $1.id) }
        // Geneformer's statistics: each gene's shifts against those of all genes together, itself included.
        let reference = RankedReference(ranked.flatMap(\.effect.shifts))
        let pValues = ranked.map { reference.test($0.effect.shifts).pValue }
        let rates = benjaminiHochberg(pValues)
        let genes = ranked.enumerated().map { index, gene in
            KnockoutRanking.Gene(
                rank: index + 1, gene: vocabulary.name(gene.token), geneID: gene.id, score: gene.mean,
                interval: gene.effect.interval, shift: gene.mean,
                shiftToAlternatives: zip(alternatives, gene.effect.meanAlternatives).map { ($0.state, $1) },
                populationEffect: gene.effect.sum / Double(from.count), neighborShift: gene.effect.meanNeighborShift,
                pValue: pValues[index], falseDiscoveryRate: rates[index], cells: gene.effect.shifts.count,
                sameSign: gene.effect.sameSign, exact: true, position: gene.effect.meanPosition,
                expressionDifference: expression[gene.token])
        }
        return KnockoutRanking(
            model: embedder.model.summary, fromCells: from.count, toCells: to.population, mode: options.mode,
            seconds: seconds, forwards: forwards,
            ranking: genes)
    }
}
