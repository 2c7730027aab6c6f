internal import ArgumentParser
internal import EmbDB

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What is in a database.", discussion: "Example: embdb info heart.embdb --format json")

    @Argument(help: "The database file.") var database: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        let info = try Database.open(database).info()
        output.print(json: json(info), table: table(info))
    }

    private func json(_ info: DatabaseInfo) -> JSON {
        .object([
            ("format", .integer(info.format)), ("cells", .integer(info.summary.cells)),
            ("dimension", JSON(info.summary.dimension)), ("model", info.summary.model?.json ?? .null),
            (
                "embeddings",
                .object([
                    ("layer", JSON(info.layer?.rawValue)), ("pool", JSON(info.pooling?.rawValue)),
                    ("obsm", JSON(info.obsm)), ("metric", JSON(info.metric)),
                ])
            ),
            ("obs", .object(info.obs.map { ($0.name, .string($0.type)) })), ("genes", JSON(info.genes)),
            ("file_bytes", .integer(info.fileBytes)),
            (
                "index",
                .object([
                    ("indexed", .integer(info.index.indexed)), ("tail", .integer(info.index.tail)),
                    ("deleted", .integer(info.index.deleted)), ("ef", JSON(info.index.recommendedEf)),
                ])
            ),
            (
                "pending_ingest",
                info.pendingIngest.map {
                    .object([
                        ("sources", .array($0.sources.map(JSON.string))), ("cells_written", .integer($0.cellsWritten)),
                    ])
                } ?? .null
            ),
            ("simd_level", .string(info.simdLevel)), ("blas_kernel", .string(info.blasKernel)),
        ])
    }

    private func table(_ info: DatabaseInfo) -> TextTable {
        var table = TextTable.facts()
        table.add("format", String(info.format))
        table.add("cells", String(info.summary.cells))
        table.add("dimension", info.summary.dimension.map(String.init) ?? "none yet")
        let isImported = info.metric != nil && info.summary.model == nil
        table.add("model", info.summary.model?.text ?? (isImported ? "none: the embeddings are imported" : "none yet"))
        if let layer = info.layer, let pooling = info.pooling {
            table.add("embeddings", "\(layer.rawValue) layer, \(pooling.rawValue), \(info.metric ?? "")")
        }
        if let obsm = info.obsm { table.add("embeddings", "imported from obsm \(obsm), \(info.metric ?? "")") }
        if !isImported { table.add("genes", info.genes.map(String.init) ?? "none yet") }
        table.add("file", byteCount(info.fileBytes))
        table.add(
            "index",
            "\(info.index.indexed) cells in the graph, \(info.index.tail) compared one by one, \(info.index.deleted) deleted"
        )
        if let pending = info.pendingIngest {
            table.add(
                "unfinished",
                "ingest of \(pending.sources.joined(separator: ", ")): \(pending.cellsWritten) cells so far")
        }
        table.add("SIMD, BLAS", "\(info.simdLevel), \(info.blasKernel)")
        for (name, type) in info.obs { table.add("obs", "\(name) (\(type))") }
        return table
    }
}
