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
    /// Those that are not told yet, in order.
    private var cells: [Cell] = []
    /// By row, if affected genes are asked for.
    private let originals = HiddenStates()
    private var results: [PerturbAnswer.Result] = []
    private var perturbed: Set<UInt32> = []
    private var affected = AffectedGenes()

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

    /// A cell on its way through the model, as it is and then once a variant.
    private struct Cell {
        let row: Int
        let id: String
        let tokens: [UInt32]
        let changes: [PerturbPlan.Change]
        let leftOut: Int
        /// Sets of genes that are perturbed: those of the changes, and, for synergy, their genes one by one.
        let variants: [[UInt32]]
        /// Of the first so many variants.
        var effects = CellEffects()
        var original: Original?

        var known: Int { effects.similarities.count }
    }

    /// A cell as it is.
    private struct Original {
        let embedding: [Float]
        let neighbors: [Int]
    }

    /// Some variants of a cell, done at once.
    private struct Piece {
        /// Deletions of neighboring genes share work by so many.
        static let size = 32

        let cell: Int
        let variants: Range<Int>

        /// With the cell as it is, once.
        var passes: Int { variants.count + (variants.lowerBound == 0 ? 1 : 0) }
    }

    private static let stoppedEarly = "stopped before anything was done: run it again, perhaps with --max-cells"

    mutating func perform(control: Control, in transaction: borrowing ReadTransaction) throws {
        let (fingerprint, passes) = try survey(control, in: transaction)
        // Of affected genes there is too much to keep: a number for each pair of genes of each cell.
        let journal =
            options.affectedGenes
            ? nil : PassJournal(database: path, task: "perturb", fingerprint: fingerprint, warning: control.warning)
        isPartial = try !measureAll(journal, passesInAll: passes, control, in: transaction)
        try tell(all: isPartial, in: transaction)
        guard isPartial else {
            journal?.remove()
            return
        }
        if results.isEmpty { throw EmbDBError(.cancelled, Self.stoppedEarly) }
    }

    /// - Returns: false if the caller wants to stop.
    private mutating func measureAll(
        _ journal: PassJournal?, passesInAll: Int, _ control: Control, in transaction: borrowing ReadTransaction
    ) throws -> Bool {
        var pieces: [Piece] = []
        var waiting = 0
        for row in rows {
            let cell = try cell(row, in: transaction)
            cells.append(cell)
            for first in stride(from: 0, to: cell.variants.count, by: Piece.size) {
                pieces.append(
                    Piece(cell: cells.count - 1, variants: first..<min(first + Piece.size, cell.variants.count)))
                waiting += pieces[pieces.count - 1].passes
                guard waiting >= embedder.passesOfStep(cell.tokens.count) else { continue }
                guard try measure(pieces, journal, passesInAll: passesInAll, control) else { return false }
                pieces.removeAll()
                waiting = 0
                try tell(all: false, in: transaction)
            }
        }
        return try measure(pieces, journal, passesInAll: passesInAll, control)
    }

    private func cell(_ row: Int, in transaction: borrowing ReadTransaction) throws -> Cell {
        let tokens = embedder.tokens(of: try embedder.ranking(ofRow: row, in: transaction))
        let (changes, leftOut) = plan.changes(of: tokens[embedder.model.input(tokens).genes])
        var seen: Set<[UInt32]> = []
        // Single genes first, so that there is something to tell of a part.
        let sets = changes.flatMap { (plan.hasSynergy ? $0.genes.map { [$0] } : []) + [$0.genes] }
        return Cell(
            row: row, id: try StoredCells.id(ofRow: row, in: transaction), tokens: tokens, changes: changes,
            leftOut: leftOut, variants: sets.filter { seen.insert($0).inserted })
    }

    /// A hash of all that effects depend on, and the passes through the model that there are to be.
    private func survey(
        _ control: Control, in transaction: borrowing ReadTransaction
    ) throws -> (fingerprint: String, passes: Int) {
        var passes = 0
        var hash = SHA256()
        for text in [
            "effects 1", embedder.model.sha256, embedder.description, options.mode.rawValue, "\(options.quartiles)",
            "\(options.neighbors)", SIMDLevel.current, BLAS.kernelName,
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
            let cell = try cell(row, in: transaction)
            if !cell.variants.isEmpty { passes += 1 + cell.variants.count }
            hash.update("\(row)")
            for tokens in [cell.tokens] + cell.variants {
                hash.update("\(tokens.count)")
                tokens.withUnsafeBytes { hash.update($0) }
            }
        }
        return (hash.finish(), passes)
    }

    // MARK: The passes

    /// - Returns: false if the caller wants to stop: then none of the pieces is done.
    private mutating func measure(
        _ pieces: [Piece], _ journal: PassJournal?, passesInAll: Int, _ control: Control
    ) throws -> Bool {
        if control.isCancelled() { return pieces.isEmpty }
        func number(_ piece: Piece) -> Int { cells[piece.cell].row << 32 | piece.variants.lowerBound }
        var effects: [CellEffects?] = pieces.map { piece in
            journal?.take(.perturbed, number(piece)).flatMap { CellEffects($0, variants: piece.variants.count) }
        }
        let fresh = pieces.indices.filter { effects[$0] == nil }
        let all = pieces.reduce(0) { $0 + $1.passes }
        let counter = Control.Counter(from: forwards + all - fresh.reduce(0) { $0 + pieces[$1].passes })
        do {
            let found = try computed(fresh.map { pieces[$0] }, control) {
                control.progress(
                    .init(
                        unit: "passes", phase: "perturbing", done: min(counter.next(), passesInAll),
                        total: passesInAll))
            }
            for (place, found) in zip(fresh, found) {
                effects[place] = found
                journal?.add(.perturbed, number(pieces[place]), found.numbers)
            }
        } catch let error as TransformerError where error.code == .stopped {
            return false
        }
        journal?.write()
        forwards += all
        for (piece, found) in zip(pieces, effects) { if let found { cells[piece.cell].effects.append(found) } }
        return true
    }

    private mutating func computed(
        _ pieces: [Piece], _ control: Control, passDone: @escaping @Sendable () -> Void
    ) throws -> [CellEffects] {
        let unseen = Set(pieces.map(\.cell)).filter { cells[$0].original == nil }.sorted()
        let (states, rows) = (originals, cells.map(\.row))
        let before = try embedder.embed(
            unseen.map { .init(tokens: cells[$0].tokens, genes: []) }, options.mode, options.quartiles,
            control: control,
            lending: options.affectedGenes
                ? { @Sendable number, genes, hidden in states.set(rows[unseen[number]], genes, hidden) } : nil,
            passDone: passDone)
        let near = neighbors(before) { cells[unseen[$0]].row }
        for (number, cell) in unseen.enumerated() {
            cells[cell].original = Original(
                embedding: Array(before[row: number]), neighbors: near.isEmpty ? [] : near[number])
        }
        let variants = pieces.flatMap { piece in
            cells[piece.cell].variants[piece.variants].map { (cell: piece.cell, genes: $0) }
        }
        let affected = AffectedCosines(options.affectedGenes ? variants.count : 0)
        let after = try embedder.embed(
            variants.map { .init(tokens: cells[$0.cell].tokens, genes: $0.genes) }, options.mode, options.quartiles,
            control: control,
            lending: options.affectedGenes
                ? { @Sendable number, genes, hidden in
                    let (cell, perturbed) = variants[number]
                    affected.set(number, states.cosines(rows[cell], genes, hidden, without: perturbed))
                } : nil,
            passDone: passDone)
        let nearAfter = neighbors(after) { cells[variants[$0].cell].row }
        var first = 0
        return pieces.map { piece in
            let own = first..<first + piece.variants.count
            first = own.upperBound
            guard let original = cells[piece.cell].original else { return CellEffects() }
            var effects = CellEffects(of: original.embedding, own.map { after[row: $0] }, goal: goal)
            effects.neighborsBefore = original.neighbors
            if !nearAfter.isEmpty { effects.neighbors = Array(nearAfter[own]) }
            if options.affectedGenes { effects.affected = own.map(affected.get) }
            return effects
        }
    }

    /// Rows of the nearest cells of each embedding, nothing if they are not asked for.
    private func neighbors(_ embeddings: Matrix, row: (Int) -> Int) -> [[Int]] {
        guard options.neighbors > 0 else { return [] }
        return snapshot.nearestOthers(of: embeddings, k: options.neighbors, threads: options.threads, row: row)
    }

    // MARK: What is told

    /// Results of the first cells, as far as all of them is known, or of all that is.
    private mutating func tell(all: Bool, in transaction: borrowing ReadTransaction) throws {
        while let cell = cells.first, all || cell.known == cell.variants.count {
            let rows = results.count
            try add(cell, in: transaction)
            if results.count > rows || cell.variants.isEmpty {
                done += 1
                leftOut += cell.leftOut
            }
            originals.remove(cell.row)
            cells.removeFirst()
        }
    }

    private mutating func add(_ cell: Cell, in transaction: borrowing ReadTransaction) throws {
        let effects = cell.effects
        var places: [[UInt32]: Int] = [:]
        for (place, variant) in cell.variants.prefix(cell.known).enumerated() { places[variant] = place }
        func effect(_ genes: [UInt32]) -> Double? {
            places[genes].map { goal == nil ? 1 - effects.similarities[$0] : effects.shifts[$0] }
        }
        func ids(_ rows: [Int]) throws -> [String] {
            try rows.map { try StoredCells.id(ofRow: $0, in: transaction) }
        }
        let neighborsBefore = try ids(effects.neighborsBefore)
        let single = cell.changes.prefix { places[$0.genes] != nil }.map {
            1 - effects.similarities[places[$0.genes] ?? 0]
        }
        let isWhole = cell.known == cell.variants.count
        for (index, change) in cell.changes.enumerated() {
            let singles = plan.hasSynergy ? change.genes.map { effect([$0]) } : []
            guard let place = places[change.genes], !singles.contains(nil) else { continue }
            perturbed.formUnion(change.genes)
            if options.affectedGenes { affected.add(change.genes, effects.affected[place]) }
            let sum = singles.reduce(0) { $0 + ($1 ?? 0) }
            results.append(
                .init(
                    cell: cell.id, gene: change.gene.map(name), genes: change.genes.map(name),
                    position: change.position, found: change.found, similarity: effects.similarities[place],
                    shift: goal == nil ? nil : effects.shifts[place],
                    synergy: plan.hasSynergy ? effect(change.genes).map { $0 - sum } : nil,
                    beyondPosition: isWhole || index + Self.nextGenes < single.count
                        ? beyondPosition(index, single) : nil,
                    neighborsBefore: neighborsBefore,
                    neighborsAfter: try effects.neighbors.isEmpty ? [] : ids(effects.neighbors[place])))
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
