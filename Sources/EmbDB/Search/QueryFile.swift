/// Cells of a file, as queries or to be labelled. They are embedded as an ingest would; nothing is stored.
public struct QueryFile: Sendable {
    /// The file: whatever an ingest reads.
    public var path: String
    /// The key of the embeddings in obsm, for a database of imported ones; nil: the one that was imported.
    public var obsm: String?
    /// "X", "layers/NAME" or "raw/X"; nil: found as by an ingest.
    public var layer: String?
    /// What the matrix must hold; nil: counts.
    public var values: IngestOptions.Values?
    /// The var column with Ensembl ids or symbols; nil: found by name and content.
    public var geneColumn: String?
    /// The obs column with cell ids; nil: the index.
    public var cellColumn: String?
    /// Only these cells of the file, by id; all if empty.
    public var cells: [String] = []
    /// Only cells that this expression over the file's obs selects.
    public var filter: String?

    /// All cells of the file at `path`; else the defaults above.
    public init(_ path: String) { self.path = path }

    /// The same for whoever opens files of cells.
    var source: IngestOptions {
        var options = IngestOptions()
        options.layer = layer
        options.values = values ?? .counts
        options.geneColumn = geneColumn
        options.cellColumn = cellColumn
        options.filter = filter
        return options
    }
}
