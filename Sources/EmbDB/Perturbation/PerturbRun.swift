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
    private let path: String
    /// Cells that were looked at.
    private var done = 0
    private var isPartial = false
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
        self.path = path
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

    private static let stoppedEarly = "stopped before the first cells were done: run it again, perhaps with --max-cells"

    /// A cell that waits to be embedded, unperturbed first, then once a variant.
    private struct Work {
        let row: Int
        let cell: String
        let tokens: [UInt32]
        let plan: (changes: [PerturbPlan.Change], leftOut: Int)
        /// Sets of genes that are perturbed: those of the changes, and, for synergy, their genes one by one.
        let variants: [[UInt32]]
        /// Passes through the model.
        var passes: Int { variants.isEmpty ? 0 : variants.count + 1 }
    }

    mutating func perform(control: Control, in transaction: borrowing ReadTransaction) throws {
        let (fingerprint, total) = try survey(control, in: transaction)
        let journal = PassJournal(
            database: path, task: "perturb", fingerprint: fingerprint, warning: control.warning)
        var waiting: [Work] = []
        var passes = 0
        for (place, row) in rows.enumerated() {
            if control.isCancelled() { break }
            let work = try work(row, in: transaction)
            waiting.append(work)
            passes += work.passes
            if passes >= Self.batch || place == rows.count - 1 {
                guard try measure(waiting, journal, passesInAll: total, control, in: transaction) else { break }
                waiting.removeAll()
                passes = 0
            }
        }
        isPartial = done < rows.count
        if !isPartial { journal?.remove() }
        if isPartial, results.isEmpty {
            throw EmbDBError(.cancelled, Self.stoppedEarly)
        }
    }

    private func work(_ row: Int, in transaction: borrowing ReadTransaction) throws -> Work {
        let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
        let plan = plan.changes(of: tokens[embedder.model.input(tokens).genes])
        return Work(
            row: row, cell: try StoredCells.id(ofRow: row, in: transaction), tokens: tokens, plan: plan,
            variants: variants(of: plan.changes))
    }

    private func variants(of changes: [PerturbPlan.Change]) -> [[UInt32]] {
        var seen: Set<[UInt32]> = []
        let singles = plan.hasSynergy ? changes.flatMap { $0.genes.map { [$0] } } : []
        return (changes.map(\.genes) + singles).filter { seen.insert($0).inserted }
    }

    /// A hash of all that effects depend on, and the passes through the model that there are to be.
    private func survey(
        _ control: Control, in transaction: borrowing ReadTransaction
    ) throws -> (fingerprint: String, passes: Int) {
        var passes = 0
        var hash = SHA256()
        for text in [
            "effects 1", embedder.model.sha256, embedder.description, options.mode.rawValue, "\(options.quartiles)",
            "\(options.neighbors)", "\(options.affectedGenes)", SIMDLevel.current, BLAS.kernelName,
        ] { hash.update(text) }
        if let goal { hash.update(goal.vector.map { Float($0) }) }
        if options.neighbors > 0 {
            for row in snapshot.live.rows {
                hash.update("\(row)")
                hash.update(
                    UnsafeRawBufferPointer(
                        start: snapshot.set.vectors.row(row, as: Float.self), count: 4 * snapshot.settings.dimension))
            }
        }
        for row in rows {
            try control.checkCancelled(Self.stoppedEarly)
            let work = try work(row, in: transaction)
            passes += work.passes
            hash.update("\(row)")
            for tokens in [work.tokens] + work.variants {
                hash.update("\(tokens.count)")
                tokens.withUnsafeBytes { hash.update($0) }
            }
        }
        return (hash.finish(), passes)
    }

    /// - Returns: false if the caller wants to stop: then none of the cells is done.
    private mutating func measure(
        _ cells: [Work], _ journal: PassJournal?, passesInAll: Int, _ control: Control,
        in transaction: borrowing ReadTransaction
    ) throws -> Bool {
        var effects: [CellEffects?] = cells.map { cell in
            journal?.take(.perturbed, cell.row).flatMap { CellEffects($0, variants: cell.variants.count) }
        }
        let fresh = cells.indices.filter { effects[$0] == nil && !cells[$0].variants.isEmpty }
        let known = forwards + cells.reduce(0) { $0 + $1.passes } - fresh.reduce(0) { $0 + cells[$1].passes }
        let counter = Control.Counter(from: known)
        do {
            let computed = try computed(fresh.map { cells[$0] }, control) {
                control.progress(
                    .init(unit: "passes", phase: "perturbing", done: counter.next(), total: passesInAll))
            }
            for (place, found) in zip(fresh, computed) {
                effects[place] = found
                journal?.add(.perturbed, cells[place].row, found.numbers)
            }
        } catch let error as TransformerError where error.code == .stopped {
            return false
        }
        journal?.write()
        for (cell, effects) in zip(cells, effects) {
            leftOut += cell.plan.leftOut
            forwards += cell.passes
            done += 1
            if let effects { try add(cell, effects, in: transaction) }
        }
        return true
    }

    private func computed(
        _ cells: [Work], _ control: Control, passDone: @escaping @Sendable () -> Void
    ) throws -> [CellEffects] {
        let originals = HiddenStates(options.affectedGenes ? cells.count : 0)
        let before = try embedder.embed(
            cells.map { .init(tokens: $0.tokens, genes: []) }, options.mode, options.quartiles, control: control,
            lending: options.affectedGenes
                ? { @Sendable number, genes, states in originals.set(number, genes, states) } : nil,
            passDone: passDone)
        let variants = cells.indices.flatMap { cell in cells[cell].variants.map { (cell: cell, genes: $0) } }
        let affected = AffectedCosines(options.affectedGenes ? variants.count : 0)
        let after = try embedder.embed(
            variants.map { .init(tokens: cells[$0.cell].tokens, genes: $0.genes) }, options.mode, options.quartiles,
            control: control,
            lending: options.affectedGenes
                ? { @Sendable number, genes, states in
                    let (cell, perturbed) = variants[number]
                    affected.set(number, originals.cosines(cell, genes, states, without: perturbed))
                } : nil,
            passDone: passDone)
        let (near, nearAfter) = (neighbors(before) { cells[$0].row }, neighbors(after) { cells[variants[$0].cell].row })
        var first = 0
        return cells.enumerated().map { number, cell in
            let own = first..<first + cell.variants.count
            first = own.upperBound
            var effects = CellEffects(of: before[row: number], own.map { after[row: $0] }, goal: goal)
            if options.neighbors > 0 { effects.neighbors = [near[number]] + nearAfter[own] }
            if options.affectedGenes { effects.affected = own.map(affected.get) }
            return effects
        }
    }

    /// Rows of the nearest cells of each embedding, nothing if they are not asked for.
    private func neighbors(_ embeddings: Matrix, row: (Int) -> Int) -> [[Int]] {
        guard options.neighbors > 0 else { return [] }
        return snapshot.nearestOthers(of: embeddings, k: options.neighbors, threads: options.threads, row: row)
    }

    private mutating func add(
        _ cell: Work, _ effects: CellEffects, in transaction: borrowing ReadTransaction
    ) throws {
        var places: [[UInt32]: Int] = [:]
        for (place, variant) in cell.variants.enumerated() { places[variant] = place }
        func effect(_ genes: [UInt32]) -> Double? {
            places[genes].map { goal == nil ? 1 - effects.similarities[$0] : effects.shifts[$0] }
        }
        func ids(_ place: Int) throws -> [String] {
            guard !effects.neighbors.isEmpty else { return [] }
            return try effects.neighbors[place].map { try StoredCells.id(ofRow: $0, in: transaction) }
        }
        let similarities = cell.plan.changes.map { effects.similarities[places[$0.genes] ?? 0] }
        for (index, change) in cell.plan.changes.enumerated() {
            guard let place = places[change.genes] else { continue }
            perturbed.formUnion(change.genes)
            if !effects.affected.isEmpty { affected.add(change.genes, effects.affected[place]) }
            let singles = change.genes.compactMap { effect([$0]) }
            results.append(
                .init(
                    cell: cell.cell, gene: change.gene.map(name), genes: change.genes.map(name),
                    position: change.position, found: change.found, similarity: effects.similarities[place],
                    shift: goal == nil ? nil : effects.shifts[place],
                    synergy: plan.hasSynergy ? effect(change.genes).map { $0 - singles.reduce(0, +) } : nil,
                    beyondPosition: beyondPosition(index, similarities.map { 1 - $0 }),
                    neighborsBefore: try ids(0), neighborsAfter: try ids(1 + place)))
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

    // MARK: The answer

    private func name(_ token: UInt32) -> PerturbAnswer.Gene {
        let vocabulary = embedder.model.vocabulary
        return .init(gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "")
    }

    func answer(seconds: Double) -> PerturbAnswer {
        let placed = goal == nil ? results.filter { $0.genes.count == 1 && $0.position != nil } : []
        return PerturbAnswer(
            model: embedder.model.summary, mode: options.mode, genes: (plan.genes ?? perturbed.sorted()).map(name),
            cells: done, isPartial: isPartial, leftOut: leftOut, seconds: seconds, forwards: forwards, results: results,
            positionCorrelation: spearmanCorrelation(
                placed.map { 1 - $0.similarity }, placed.map { Double($0.position ?? 0) }),
            affected: affected.rows(name))
    }
}
