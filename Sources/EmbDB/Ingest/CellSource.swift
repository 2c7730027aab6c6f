internal import AnnData
internal import Numerics
internal import Tokenizers

/// A file of cells, open, with the choices made: which matrix, which names, which cells.
struct CellSource {
    /// What the cells' embeddings come from.
    enum Content {
        case counts(CountSource)
        case vectors(VectorSource)

        /// The matrix in the file: "X", "layers/NAME", "raw/X", "obsm/KEY".
        var place: String {
            switch self {
            case .counts(let counts): counts.layer
            case .vectors(let vectors): "obsm/\(vectors.key)"
            }
        }

        /// Of vectors; nil for counts.
        var dimension: Int? { if case .vectors(let vectors) = self { vectors.dimension } else { nil } }
    }

    let path: String
    let file: CellFile
    /// SHA-256 of the file's bytes, see `SHA256.ofFiles`; empty where nobody asked for it.
    let sha256: String
    /// The obs columns that can be read.
    let obsColumns: [Column]
    let content: Content
    let cellColumn: Column
    private let idPrefix: String
    /// Rows that are ingested.
    var selected: Bitmap

    var cellCount: Int { file.cellCount }

    /// Opens `path` and makes the choices that `options` leave open.
    ///
    /// - Throws: `AnnDataError`, `TokenizerError`, `ExpressionError`, ``EmbDBError``.
    init(
        path: String, options: IngestOptions, reading: CellReading, isHashed: Bool = true, control: Control
    ) throws {
        self.path = path
        file = try CellFile(path: path) { done, total in
            control.progress(.init(unit: "entries", phase: "reading the matrix", done: done, total: total))
            return !control.isCancelled()
        }
        sha256 = isHashed ? try SHA256.ofFiles(file.contentPaths, control: control) : ""
        obsColumns = try Self.readableColumns(of: file, control)
        switch reading {
        case .counts(let encoder):
            content = .counts(
                try CountSource(file: file, options: options, vocabulary: encoder.vocabulary, control: control))
        case .vectors(let key):
            content = .vectors(try VectorSource(file: file, key: key))
        }
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
                    .nothingFound, "no cell of the file is selected (\(filter), \(path)): change the expression")
            }
        }
    }

    /// All obs columns but those that cannot be read: they are left out with a warning, and refuse no file.
    private static func readableColumns(of file: CellFile, _ control: Control) throws(AnnDataError) -> [Column] {
        for warning in file.obs.warnings { control.warning("\(warning) (\(file.path))") }
        var columns: [Column] = []
        for name in file.obs.columnNames {
            do throws(AnnDataError) {
                let column = try file.obs.column(named: name)
                if column.kind == .unsupported {
                    control.warning(
                        "obs column \(name) has the encoding \(column.encoding) and is left out (\(file.path))")
                    continue
                }
                try column.check()
                columns.append(column)
            } catch {
                switch error.code {
                case .inconsistent, .noSuchElement, .tooLarge, .unsupportedEncoding:
                    control.warning(
                        "obs column \(name) is left out: \(error.detail) (\(file.path), \(error.path ?? "obs"))")
                default: throw error
                }
            }
        }
        return columns
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
            // Lists of ids have one a line.
            let isBroken = id.utf8.contains { [0, UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains($0) }
            guard id.utf8.count <= Layout.longestCellID, !isBroken else {
                throw EmbDBError(
                    .input,
                    (isBroken
                        ? "a cell id has a line end or a zero byte in it"
                        : "a cell id has \(id.utf8.count) bytes, at most "
                            + "\(Layout.longestCellID) are kept")
                        + " (\(path), \(cellColumn.path), row \(rows.lowerBound + offset)): name another column by "
                        + "--cell-column")
            }
            return id
        }
    }
}

extension [CellSource] {
    /// Leaves only so many cells selected, over all sources, as the options ask for.
    mutating func drawSample(_ options: IngestOptions) {
        guard let count = options.sample else { return }
        var random = SeededRandom(seed: options.seed)
        let chosen = Set(random.sample(count, of: reduce(0) { $0 + $1.selected.population }))
        var position = 0
        for number in indices {
            for row in self[number].selected.rows {
                if !chosen.contains(position) { self[number].selected[row] = false }
                position += 1
            }
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

    func cellIDs() throws -> [String?] { try cells.readTexts(rows: 0..<cellCount).map { $0 ?? "" } }
}
