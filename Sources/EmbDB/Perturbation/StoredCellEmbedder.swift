internal import CellTransformer
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Embeds stored cells again, as they are or with genes deleted and overexpressed.
struct StoredCellEmbedder {
    let model: EmbeddingModel
    private let embedder: CellEmbedder

    var threads: Int { embedder.threads }
    /// Which hidden states become an embedding.
    var description: String { "\(embedder.layer) \(embedder.pooling)" }

    init(_ snapshot: Snapshot, threads: Int, path: String, in transaction: borrowing ReadTransaction) throws {
        model = try StoredModel.load(snapshot.requireModel(path: path), in: transaction)
        guard model.configuration.hiddenSize == snapshot.settings.dimension else {
            throw EmbDBError(.corrupted, "the stored model does not fit the stored embeddings: restore a backup")
        }
        embedder = model.embedder(snapshot.settings, threads: threads)
    }

    /// The genes of an edit as tokens.
    ///
    /// - Throws: `TokenizerError` `unknownGene` with the nearest names.
    func perturbation(_ edit: GeneEdit) throws -> Perturbation {
        try Perturbation(
            delete: edit.delete.map { name in try model.vocabulary.token(forGene: name) },
            overexpress: edit.overexpress.map { name in try model.vocabulary.token(forGene: name) },
            vocabulary: model.vocabulary)
    }

    /// Tokens of genes by their names.
    ///
    /// - Throws: `TokenizerError` `unknownGene` with the nearest names; ``EmbDBError/Code/unknownGene`` for a special token.
    func genes(_ names: [String]) throws -> [UInt32] {
        let tokens = try names.map { name in try model.vocabulary.token(forGene: name) }
        if let special = tokens.first(where: { !model.vocabulary.isGene($0) }) {
            throw EmbDBError(
                .unknownGene, "\(model.vocabulary.name(special)) is no gene: name genes by Ensembl id or symbol")
        }
        return tokens
    }

    /// What the model reads of a cell after genes were deleted, put to its front, or moved up or down.
    func perturbed(
        _ tokens: [UInt32], _ genes: [UInt32], _ mode: KnockoutOptions.Mode, _ quartiles: Int
    ) throws -> [UInt32] {
        let perturbation =
            switch mode {
            case .delete: try Perturbation(delete: genes, vocabulary: model.vocabulary)
            case .overexpress: try Perturbation(overexpress: genes, vocabulary: model.vocabulary)
            case .inhibit: try Perturbation(moving: genes, byQuartiles: quartiles, vocabulary: model.vocabulary)
            case .activate: try Perturbation(moving: genes, byQuartiles: -quartiles, vocabulary: model.vocabulary)
            }
        return perturbation.applied(to: tokens, encoder: model.encoder).tokens
    }

    /// The whole ranking of a stored cell.
    func ranking(ofRow row: Int, in transaction: borrowing ReadTransaction) throws -> RankedCell {
        var cell = RankedCell()
        try StoredCells.ranking(
            ofRow: row, vocabularyCount: model.vocabulary.count, into: &cell, in: transaction)
        return cell
    }

    /// What the model reads of a ranking, special tokens included.
    func tokens(of ranking: RankedCell) -> [UInt32] {
        var tokens: [UInt32] = []
        model.encoder.modelInput(of: ranking.tokens, into: &tokens)
        return tokens
    }

    /// One embedding a cell, given as the model reads it: [cells, dimension].
    ///
    /// - Throws: `TransformerError` `stopped` if the caller asks for it between two cells.
    func embed(_ cells: [[UInt32]], control: Control) throws -> Matrix {
        try embedder.embed(cells.map(model.input), cellDone: { !control.isCancelled() })
    }

    /// Perturbed cells of so many tokens that are run at a time: some seconds' work, enough for all threads.
    func passesOfStep(_ tokens: Int) -> Int { max(min(256, (1 << 17) / max(1, tokens)), 32 * threads) }

    /// A cell, as the model reads it, with the genes perturbed at once that are named; as it is if none are.
    struct PerturbedCell {
        let tokens: [UInt32]
        let genes: [UInt32]
    }

    /// One embedding each: [cells, dimension]. Deletions of single genes share work where they are of one cell.
    ///
    /// - Parameter lending: called with the number of every cell, the genes that it has then, and their hidden states:
    ///   [genes, h]; on several threads at once.
    /// - Parameter passDone: called after every pass, likewise.
    /// - Throws: as ``embed(_:control:)``.
    func embed(
        _ cells: [PerturbedCell], _ mode: KnockoutOptions.Mode, _ quartiles: Int, control: Control,
        lending: (@Sendable (Int, [UInt32], Matrix) -> Void)? = nil, passDone: @escaping @Sendable () -> Void = {}
    ) throws -> Matrix {
        @Sendable func goesOn() -> Bool {
            passDone()
            return !control.isCancelled()
        }
        var others: [(number: Int, input: CellInput)] = []
        var shared: [CellInput] = []
        var deletions: [(number: Int, deletion: DeletionEmbedder.Deletion)] = []
        for (number, cell) in cells.enumerated() {
            let input = model.input(cell.tokens)
            if mode == .delete, cell.genes.count == 1,
                let position = input.genes.first(where: { input.tokens[$0] == cell.genes[0] })
            {
                if shared.last != input { shared.append(input) }
                deletions.append((number, .init(cell: shared.count - 1, position: position)))
            } else {
                let tokens = cell.genes.isEmpty ? cell.tokens : try perturbed(cell.tokens, cell.genes, mode, quartiles)
                others.append((number, model.input(tokens)))
            }
        }
        let (numbers, inputs) = (others.map(\.number), others.map(\.input))
        let embeddings = try embedder.embed(
            inputs,
            lending: { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                guard let lending else { return }
                let input = inputs[index]
                lending(numbers[index], Array(input.tokens[input.genes]), try workspace.hiddenStates(input.genes))
            }, cellDone: goesOn)
        let (deleted, reduced) = (deletions.map(\.number), deletions.map(\.deletion))
        let whole = shared
        let left = try DeletionEmbedder(embedder).embed(
            whole, reduced,
            lending: { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                guard let lending else { return }
                let (cell, position) = (whole[reduced[index].cell], reduced[index].position)
                let genes = cell.genes.filter { $0 != position }.map { cell.tokens[$0] }
                let rows = cell.genes.lowerBound..<cell.genes.upperBound - 1
                lending(deleted[index], genes, try workspace.hiddenStates(rows))
            }, deletionDone: goesOn)
        var result = Matrix(rows: cells.count, columns: model.configuration.hiddenSize)
        for (numbers, rows) in [(numbers, embeddings), (deleted, left)] {
            for (index, number) in numbers.enumerated() {
                result.values.replaceSubrange(
                    number * result.columns..<(number + 1) * result.columns, with: rows[row: index])
            }
        }
        return result
    }

    /// Estimates deletions as this embeds cells.
    func screen() -> DeletionScreen { DeletionScreen(embedder) }
}
