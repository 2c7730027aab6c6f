internal import AnnData
internal import Tokenizers

/// The counts of a source, with the choices made: which matrix, which genes.
struct CountSource {
    let layer: String
    let geneColumn: String
    let genes: GeneColumns

    /// Makes the choices that `options` leave open.
    ///
    /// - Throws: `AnnDataError`, `TokenizerError`, ``EmbDBError``.
    init(file: CellFile, options: IngestOptions, vocabulary: Vocabulary, control: Control) throws {
        layer = try Self.chooseLayer(file, options)
        for warning in try file.genes(of: layer).warnings { control.warning("\(warning) (\(file.path))") }
        let genes = try GeneColumnChoice(file: file, layer: layer, column: options.geneColumn, vocabulary: vocabulary)
        geneColumn = genes.column
        if genes.looksLikeRodent {
            control.warning(
                "most genes are written as mouse or rat symbols are, and match the model's only by their letters "
                    + "(\(file.path), var \(genes.column)): is the file of the model's species?")
        }
        self.genes = genes.genes
    }

    /// X if it holds whole numbers, else layers/counts or raw/X if they do.
    private static func chooseLayer(_ file: CellFile, _ options: IngestOptions) throws -> String {
        if let name = options.layer { return try file.layer(name).name }
        let candidates = ["X", "layers/counts", "raw/X"].filter(file.layerNames.contains)
        guard let first = candidates.first else {
            // Names what there is.
            return try file.layer("X").name
        }
        if options.values == .normalized {
            // Scaled values are no normalized ones.
            for name in candidates where try file.holds(.normalized, layer: name) { return name }
            return first
        }
        for name in candidates where try file.holdsWholeNumbers(layer: name) { return name }
        // The value that is in the way says more than that there is one.
        var reasons: [String] = []
        for name in candidates {
            do throws(AnnDataError) {
                try readThrough(file, name)
            } catch {
                guard let value = error.value, candidates.count > 1 else { throw error }
                reasons.append("\(name) holds \(Float(value))")
            }
        }
        throw EmbDBError(
            .input,
            "no matrix of raw counts: \(reasons.joined(separator: ", ")) (\(file.path)): give the file that holds the "
                + "counts, or name their matrix by --layer (there is \(file.layerNames.joined(separator: ", "))), or give "
                + "--values normalized")
    }

    private static func readThrough(_ file: CellFile, _ layer: String) throws(AnnDataError) {
        var reader = try file.countReader(layer: layer, rule: .counts)
        var batch = CountBatch()
        for start in stride(from: 0, to: file.cellCount, by: 256) {
            try reader.read(rows: start..<min(file.cellCount, start + 256), into: &batch)
        }
    }
}
