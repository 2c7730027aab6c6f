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
    ///
    /// - Parameter lending: called with the number of every cell and the hidden states of its genes: [genes, h]; on several
    ///   threads at once.
    func embed(
        _ cells: [[UInt32]], control: Control, lending: (@Sendable (Int, Matrix) -> Void)? = nil
    ) throws -> Matrix {
        let inputs = cells.map(model.input)
        return try embedder.embed(
            inputs,
            lending: { (number, workspace: borrowing BertWorkspace) throws(TransformerError) in
                guard let lending else { return }
                lending(number, try workspace.hiddenStates(inputs[number].genes))
            }, cellDone: { !control.isCancelled() })
    }

    /// Estimates deletions as this embeds cells.
    func screen() -> DeletionScreen { DeletionScreen(embedder) }
}
