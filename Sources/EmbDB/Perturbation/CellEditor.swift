internal import Tokenizers

/// Deletes and overexpresses genes in what the model reads of cells, and counts the cells that lack one to delete.
struct CellEditor {
    private let embedder: StoredCellEmbedder
    private let perturbation: Perturbation
    /// By gene to delete: how many cells do not have it, and the first of them.
    private var lacking: [(cells: Int, first: String)]
    private var cells = 0

    /// - Throws: `TokenizerError` `unknownGene` with the nearest names.
    init(_ embedder: StoredCellEmbedder, _ edit: GeneEdit) throws {
        self.embedder = embedder
        perturbation = try embedder.perturbation(edit)
        lacking = perturbation.deleted.map { _ in (0, "") }
    }

    /// What the model reads of the changed cell.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if no gene is left.
    mutating func apply(to tokens: [UInt32], of cell: String) throws -> [UInt32] {
        cells += 1
        let outcome = perturbation.applied(to: tokens, encoder: embedder.model.encoder)
        for (number, gene) in perturbation.deleted.enumerated() where !outcome.found.contains(gene) {
            if lacking[number].cells == 0 { lacking[number].first = cell }
            lacking[number].cells += 1
        }
        guard outcome.tokens.count > embedder.model.vocabulary.specialsPerCell else {
            throw EmbDBError(.usage, "no gene is left in cell \(cell): delete fewer genes")
        }
        return outcome.tokens
    }

    /// Says which deletions change nothing, and where.
    func warn(_ control: Control) {
        for (gene, missing) in zip(perturbation.deleted, lacking) where missing.cells > 0 {
            let who =
                missing.cells == 1
                ? "cell \(missing.first) does not" : "\(missing.cells) of \(cells) cells do not"
            control.warning(
                "\(who) have \(embedder.model.vocabulary.name(gene)) among the genes that the model reads: deleting it "
                    + "changes nothing there")
        }
    }
}
