internal import AnnData
internal import Tokenizers

/// Which column of var names the genes.
struct GeneColumnChoice {
    /// Its name, or "index".
    let column: String
    let genes: GeneColumns

    static let indexName = "index"

    /// Usual names, ids before symbols: where both are there, the ids are what the model was trained on.
    private static let usualNames = [
        "ensembl_id", "ensembl_ids", "gene_ids", "gene_id", "ensembl", "ensembl_gene_id", "feature_id", "Accession",
        indexName, "feature_name", "gene_symbols", "gene_symbol", "gene_names", "gene_name", "symbol", "hgnc_symbol",
        "Gene",
    ]

    /// Takes `column` if one is named; else the first of the usual names that knows at least half as many genes as
    /// the one that knows most.
    ///
    /// - Throws: `AnnDataError` for a column that is not there; `TokenizerError` `noKnownGene` with the likely reason.
    init(file: AnnDataFile, layer: String, column: String?, vocabulary: Vocabulary) throws {
        let frame = try file.genes(of: layer)
        func genes(_ column: Column) throws -> GeneColumns {
            let names = try column.readTexts(rows: 0..<frame.count).map { $0 ?? "" }
            return try GeneColumns(ids: names, vocabulary: vocabulary)
        }
        if let column {
            let chosen = column == Self.indexName && !frame.columnNames.contains(column)
                ? frame.index : try frame.column(named: column)
            self.column = column
            self.genes = try genes(chosen)
            return
        }
        var found: [(column: String, genes: GeneColumns)] = []
        var reason: TokenizerError?
        for name in Self.usualNames where name == Self.indexName || frame.columnNames.contains(name) {
            let candidate = name == Self.indexName ? frame.index : try frame.column(named: name)
            guard [.strings, .categories].contains(candidate.kind) else { continue }
            do {
                found.append((name, try genes(candidate)))
            } catch let error as TokenizerError where error.code == .noKnownGene {
                // The index is what people look at: its reason says most.
                if reason == nil || name == Self.indexName { reason = error }
            }
        }
        let most = found.map(\.genes.summary.genes).max() ?? 0
        guard let choice = found.first(where: { $0.genes.summary.genes * 2 >= most }) else {
            throw EmbDBError(
                .input, "\(reason?.detail ?? "var names no genes") (\(file.path), \(frame.path)): name the column of "
                    + "Ensembl ids or symbols by --gene-column")
        }
        self.column = choice.column
        self.genes = choice.genes
    }
}
