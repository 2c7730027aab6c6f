internal import AnnData
internal import Tokenizers

/// Which column of var names the genes.
struct GeneColumnChoice {
    /// Its name, or "index".
    let column: String
    let genes: GeneColumns
    /// Whether most names are written as mouse and rat symbols are (Actb), though the model knows them in capitals.
    let looksLikeRodent: Bool

    static let indexName = "index"

    /// Usual names, ids before symbols: where both are there, the ids are what the model was trained on.
    private static let usualNames = [
        "ensembl_id", "ensembl_ids", "gene_ids", "gene_id", "ensembl", "ensembl_gene_id", "feature_id", "Accession",
        indexName, "feature_name", "gene_symbols", "gene_symbol", "gene_names", "gene_name", "symbol", "hgnc_symbol",
        "Gene",
    ]

    /// Takes `column` if one is named; else the first of the usual names that knows at least three quarters as many
    /// genes as the one that knows most.
    ///
    /// - Throws: `AnnDataError` for a column that is not there; `TokenizerError` `noKnownGene` with the likely reason;
    ///   ``EmbDBError`` for a file without genes.
    init(file: CellFile, layer: String, column: String?, vocabulary: Vocabulary) throws {
        let frame = try file.genes(of: layer)
        guard frame.count > 0 else {
            throw EmbDBError(
                .input,
                "the file has no genes (\(file.path), \(frame.path)): "
                    + (file.obsmKeys.isEmpty
                        ? "give a file of counts"
                        : "its embeddings can be stored by: embdb import DB FILE --obsm KEY (there is "
                            + "\(file.obsmKeys.joined(separator: ", ")))"))
        }
        func names(_ column: Column) throws -> [String] {
            try column.readTexts(rows: 0..<frame.count).map { $0 ?? "" }
        }
        if let column {
            let chosen =
                column == Self.indexName && !frame.columnNames.contains(column)
                ? frame.index : try frame.column(named: column)
            let names = try names(chosen)
            self.column = column
            do throws(TokenizerError) {
                genes = try GeneColumns(ids: names, vocabulary: vocabulary)
            } catch {
                guard error.code == .noKnownGene else { throw error }
                throw EmbDBError(
                    .input,
                    "\(error.detail) (\(file.path), \(frame.path)/\(column)): "
                        + (error.advice ?? "name another column by --gene-column"))
            }
            looksLikeRodent = Self.areMostlyTitleCase(names)
            return
        }
        var found: [(column: String, names: [String], genes: GeneColumns)] = []
        var reason: TokenizerError?
        for name in Self.usualNames where name == Self.indexName || frame.columnNames.contains(name) {
            let candidate = name == Self.indexName ? frame.index : try frame.column(named: name)
            guard [.strings, .categories].contains(candidate.kind) else { continue }
            let names = try names(candidate)
            do throws(TokenizerError) {
                let genes = try GeneColumns(ids: names, vocabulary: vocabulary)
                found.append((name, names, genes))
            } catch {
                guard error.code == .noKnownGene else { throw error }
                // Ensembl ids of another species: their symbols may look alike, but they are not the model's genes.
                if Self.areMostlyEnsemblIDs(names) {
                    throw EmbDBError(
                        .input,
                        "\(error.detail) (\(file.path), \(frame.path)/\(name)): \(error.advice ?? ""); to take the genes by another "
                            + "column all the same, name it by --gene-column")
                }
                // The index is what people look at: its reason says most.
                if reason == nil || name == Self.indexName { reason = error }
            }
        }
        let most = found.map(\.genes.summary.genes).max() ?? 0
        guard let choice = found.first(where: { $0.genes.summary.genes * 4 >= most * 3 }) else {
            throw EmbDBError(
                .input,
                "\(reason?.detail ?? "var names no genes") (\(file.path), \(frame.path)): "
                    + (reason?.advice ?? "name the column of Ensembl ids or symbols by --gene-column"))
        }
        self.column = choice.column
        genes = choice.genes
        looksLikeRodent = Self.areMostlyTitleCase(choice.names)
    }

    private static func areMostlyEnsemblIDs(_ names: [String]) -> Bool {
        names.count(where: isEnsemblGeneID) * 2 > names.count
    }

    /// `ENS`, letters for the species, `G`, eleven digits, perhaps a version.
    private static func isEnsemblGeneID(_ name: String) -> Bool {
        let stem = name.utf8.prefix { $0 != UInt8(ascii: ".") }
        return stem.starts(with: "ENS".utf8) && stem.count >= 15 && stem.dropLast(11).last == UInt8(ascii: "G")
            && stem.suffix(11).allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    private static func areMostlyTitleCase(_ names: [String]) -> Bool {
        names.count { name in
            let letters = name.filter(\.isLetter)
            return letters.count > 1 && letters.first?.isUppercase == true
                && letters.dropFirst().allSatisfy(\.isLowercase)
        } * 2 > names.count
    }
}
