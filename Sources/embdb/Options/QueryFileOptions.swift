internal import ArgumentParser
internal import EmbDB

/// How the cells of a file that is not ingested are read.
struct QueryFileOptions: ParsableArguments {
    @Option(help: "The file's counts: X, layers/NAME or raw/X (default: found, as by ingest).") var layer: String?
    @Option(help: "The file's values: counts (whole numbers ≥ 0, the default) or normalized (any number ≥ 0).")
    var values: IngestOptions.Values?
    @Option(help: "The file's var column with Ensembl ids or symbols (default: found).") var geneColumn: String?
    @Option(help: "The file's obs column with cell ids (default: the index).") var cellColumn: String?
    @Option(help: "Key of the file's embeddings in obsm, for a database of imported ones (default: as imported).")
    var obsm: String?

    /// An option that was given, for a verb that reads no file.
    var given: String? {
        if layer != nil { return "--layer" }
        if values != nil { return "--values" }
        if geneColumn != nil { return "--gene-column" }
        if cellColumn != nil { return "--cell-column" }
        return obsm != nil ? "--obsm" : nil
    }

    func file(_ path: String) -> QueryFile {
        var file = QueryFile(path)
        file.layer = layer
        file.values = values
        file.geneColumn = geneColumn
        file.cellColumn = cellColumn
        file.obsm = obsm
        return file
    }
}
