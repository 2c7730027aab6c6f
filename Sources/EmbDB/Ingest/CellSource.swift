internal import AnnData
internal import Numerics
internal import Tokenizers

/// A file of cells, open, with the choices made: which matrix, which genes, which names, which cells.
struct CellSource {
    let path: String
    let file: CellFile
    /// SHA-256 of the file's bytes.
    let sha256: String
    let layer: String
    let geneColumn: String
    let genes: GeneColumns
    let cellColumn: Column
    private let idPrefix: String
    /// Rows that are ingested.
    var selected: Bitmap

    var cellCount: Int { file.cellCount }

    /// Opens `path` and makes the choices that `options` leave open.
    ///
    /// - Throws: `AnnDataError`, `TokenizerError`, `ExpressionError`, ``EmbDBError``.
    init(path: String, options: IngestOptions, vocabulary: Vocabulary, control: Control) throws {
        self.path = path
        if path.hasSuffix(".zarr") || path.hasSuffix(".zarr/") {
            throw EmbDBError(
                .input, "zarr is not supported (\(path)): read it with anndata.read_zarr and write it as .h5ad")
        }
        file = try CellFile(path: path)
        sha256 = try SHA256.ofFile(path, control: control)
        layer = try Self.chooseLayer(file, options)
        let genes = try GeneColumnChoice(file: file, layer: layer, column: options.geneColumn, vocabulary: vocabulary)
        geneColumn = genes.column
        if genes.looksLikeRodent {
            control.warning(
                "most genes are written as mouse or rat symbols are, and match the model's only by their letters "
                    + "(\(path), var \(genes.column)): is the file of the model's species?")
        }
        self.genes = genes.genes
        idPrefix = options.idPrefix
        if let name = options.cellColumn {
            cellColumn = try file.obs.column(named: name)
        } else {
            cellColumn = file.obs.index
        }
        selected = Bitmap(count: file.cellCount, filled: true)
        if let filter = options.filter {
            selected = try Expression.parse(filter).evaluate(on: SourceObs(file: file, cells: cellColumn))
            if selected.population == 0 {
                throw EmbDBError(
                    .nothingFound, "no cell of the file is selected by --where (\(path)): change the expression")
            }
        }
    }

    /// X if it holds whole numbers, else layers/counts or raw/X if they do.
    private static func chooseLayer(_ file: CellFile, _ options: IngestOptions) throws -> String {
        if let name = options.layer { return try file.layer(name).path }
        let candidates = ["X", "layers/counts", "raw/X"].filter(file.layerNames.contains)
        guard let first = candidates.first else {
            // Names what there is.
            return try file.layer("X").path
        }
        if options.values == .normalized { return first }
        for name in candidates where try file.holdsWholeNumbers(layer: name) { return name }
        // The value that is in the way says more than that there is one.
        var reader = try file.countReader(layer: first, rule: .counts)
        var batch = CountBatch()
        for start in stride(from: 0, to: file.cellCount, by: 256) {
            try reader.read(rows: start..<min(file.cellCount, start + 256), into: &batch)
        }
        throw EmbDBError(
            .input,
            "no whole-number counts in \(candidates.joined(separator: ", ")) (\(file.path)): name the matrix of raw "
                + "counts by --layer (there is \(file.layerNames.joined(separator: ", "))), or give --values normalized"
        )
    }

    /// Ids of the cells of some rows, with the prefix.
    ///
    /// - Throws: ``EmbDBError/Code/input`` for an id that is empty or too long.
    func cellIDs(_ rows: Range<Int>) throws -> [String] {
        try cellColumn.readTexts(rows: rows).enumerated().map { offset, text in
            let id = idPrefix + (text ?? "")
            guard let text, !text.isEmpty else {
                throw EmbDBError(
                    .input,
                    "a cell has no id (\(path), \(cellColumn.path), row \(rows.lowerBound + offset)): "
                        + "name another column by --cell-column")
            }
            guard id.utf8.count <= Layout.longestCellID, !id.utf8.contains(0) else {
                throw EmbDBError(
                    .input,
                    "a cell id has \(id.utf8.count) bytes or a zero in it (\(path), \(cellColumn.path), row "
                        + "\(rows.lowerBound + offset)): ids are at most \(Layout.longestCellID) bytes long")
            }
            return id
        }
    }
}

/// The obs of a file, for expressions; columns are read whole when an expression names them.
struct SourceObs: ObsTable {
    let file: CellFile
    let cells: Column

    var cellCount: Int { file.cellCount }

    var columnNames: [String] {
        file.obs.columnNames.filter { name in (try? file.obs.column(named: name).kind != .unsupported) ?? false }
    }

    func column(_ name: String) throws -> ObsColumn {
        switch try file.obs.column(named: name).read(rows: 0..<cellCount) {
        case .categories(let codes, let names, _): .categories(codes: codes, names: names)
        case .strings(let texts): .text(texts)
        case .integers(let values): .integers(values.map { $0 ?? .min })
        case .numbers(let values): .numbers(values)
        case .booleans(let values):
            .categories(codes: values.map { $0.map { $0 ? 1 : 0 } ?? -1 }, names: ["False", "True"])
        }
    }

    func cellIDs() throws -> [String] { try cells.readTexts(rows: 0..<cellCount).map { $0 ?? "" } }
}
