internal import ArgumentParser
internal import EmbDB

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What is in a database.",
        discussion: """
            Example: embdb info heart.embdb --format json

            The memory is physical memory (RSS) of a process that has opened the database and answered one query. The \
            pages of the file among it are shared by all processes, and taken back when others need room.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        let info = try Database.open(database).info()
        output.print(json: json(info), table: table(info))
        output.summary("\(counted(info.summary.cells, "cell")), \(byteCount(info.fileBytes))")
    }

    private func json(_ info: DatabaseInfo) -> JSON {
        .object([
            ("format", .integer(info.format)), ("cells", .integer(info.summary.cells)),
            ("dimension", JSON(info.summary.dimension)), ("model", info.summary.model?.json ?? .null),
            (
                "embeddings",
                .object([
                    ("layer", JSON(info.layer?.rawValue)), ("pool", JSON(info.pooling?.rawValue)),
                    ("obsm", JSON(info.obsm)), ("metric", JSON(info.metric?.rawValue)),
                ])
            ),
            ("obs", .object(info.obs.map { ($0.name, .string($0.type)) })), ("genes", JSON(info.genes)),
            ("gene_embeddings", info.geneEmbeddings?.json ?? .null),
            ("file_bytes", .integer(info.fileBytes)),
            (
                "memory",
                info.memory.map {
                    .object([("resident_bytes", .integer($0.resident)), ("mapped_bytes", .integer($0.mapped))])
                } ?? .null
            ),
            (
                "index",
                .object([
                    ("indexed", .integer(info.index.indexed)), ("tail", .integer(info.index.tail)),
                    ("deleted", .integer(info.index.deleted)), ("ef", JSON(info.index.recommendedEf)),
                    ("recall", info.index.recall.map(JSON.number) ?? .null),
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
        table.add("format", .integer(info.format))
        table.add("cells", .integer(info.summary.cells))
        table.add("dimension", info.summary.dimension.map(TextTable.Cell.integer) ?? .text("none yet"))
        let isImported = info.metric != nil && info.summary.model == nil
        table.add("model", info.summary.model?.text ?? (isImported ? "none: the embeddings are imported" : "none yet"))
        if let layer = info.layer, let pooling = info.pooling {
            table.add("embeddings", "\(layer.rawValue) layer, \(pooling.rawValue), \(info.metric?.rawValue ?? "")")
        }
        if let obsm = info.obsm {
            table.add("embeddings", "imported from obsm \(obsm), \(info.metric?.rawValue ?? "")")
        }
        if !isImported {
            table.add("genes", info.genes.map(TextTable.Cell.integer) ?? .text("none yet"))
            table.add("gene embeddings", info.geneEmbeddings?.text ?? "none yet")
        }
        table.add("file bytes", .bytes(info.fileBytes))
        if let memory = info.memory {
            table.add("memory after a query", .bytes(memory.resident))
            table.add("of it, pages of the file", .bytes(memory.mapped))
        }
        table.add("cells in the graph", .integer(info.index.indexed))
        if let recall = info.index.recall, let ef = info.index.recommendedEf {
            table.add("recall of the graph", .text("\(Int(recall * 100)) % at ef \(ef)"))
        }
        table.add("cells compared one by one", .integer(info.index.tail))
        table.add("deleted cells", .integer(info.index.deleted))
        if let pending = info.pendingIngest {
            table.add(
                "unfinished",
                "ingest of \(pending.sources.joined(separator: ", ")): \(counted(pending.cellsWritten, "cell")) so far")
        }
        table.add("SIMD, BLAS", "\(info.simdLevel), \(info.blasKernel)")
        for (name, type) in info.obs { table.add("obs", "\(name) (\(type))") }
        return table
    }
}
