internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// What the database's model, if there is one, makes of deleting genes that were really perturbed, in the control cells.
struct ImaginedDeletions {
    let model: ModelSummary?
    private(set) var forwards = 0
    private let vocabulary: Vocabulary?
    private let expression: ExpressionDifference?
    private var rows: [String: KnockoutRanking.Gene] = [:]

    /// - Parameters:
    ///   - labels: of perturbations; those that name no gene are passed over.
    ///   - cells: that nothing was done to.
    ///   - from: all start cells.
    init(
        of labels: [String], _ snapshot: Snapshot, _ options: KnockoutOptions, inCells cells: [Int], from: [Int],
        _ states: KnockoutStates, path: String, control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        guard snapshot.model != nil else {
            (model, vocabulary, expression) = (nil, nil, nil)
            return
        }
        let embedder = try StoredCellEmbedder(snapshot, threads: options.threads, path: path, in: transaction)
        vocabulary = embedder.model.vocabulary
        model = embedder.model.summary
        expression = try ExpressionDifference(
            from: from, to: states.to.rows, vocabularyCount: embedder.model.vocabulary.count, in: transaction)
        let known = labels.filter { (try? embedder.genes([$0])) != nil }
        guard !known.isEmpty else { return }
        var options = options
        options.genes = known
        options.minimumCells = 1
        options.baseline = nil
        (options.budget, options.seconds, options.mode) = (nil, nil, .delete)
        let run = try KnockoutRun(
            snapshot, options, StartCells(rows: cells.sorted()), states, embedder, path: path, in: transaction)
        do {
            // That no cell has some of the genes is no news here.
            let found = try run.ranking(
                control: Control(progress: control.progress, isCancelled: control.isCancelled))
            forwards = found.forwards
            for gene in found.ranking { rows[gene.geneID] = gene }
        } catch let error as EmbDBError where error.code == .cancelled {
            // What was observed is there without it.
        }
    }

    /// The Ensembl id of a label that names a gene; else empty.
    func id(_ label: String) -> String { token(label).flatMap { vocabulary?.entry($0)?.id } ?? "" }

    func expressionDifference(_ label: String) -> Double? { token(label).flatMap { expression?[$0] } }

    func row(_ label: String) -> KnockoutRanking.Gene.Imagined? {
        rows[id(label)].map { .init(score: $0.score, interval: $0.interval, shift: $0.shift, cells: $0.cells) }
    }

    private func token(_ label: String) -> UInt32? {
        guard let vocabulary, let token = try? vocabulary.token(forGene: label), vocabulary.isGene(token) else {
            return nil
        }
        return token
    }
}
