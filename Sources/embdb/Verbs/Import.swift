public import ArgumentParser
public import EmbDB

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Precomputed embeddings of any model, from obsm.",
        discussion: """
            Example:
              embdb import heart.embdb heart.h5ad --obsm X_scVI

            Obs comes along; counts are not looked at, X may be empty. The first import settles dimension and metric.
            Vectors with NaN or infinite values are refused, and for cosine those that are all zeros.
            """)

    @Argument(help: "The database file; made if it is not there.") var database: String
    @Argument(help: "Files with embeddings (.h5ad).") var files: [String]
    @Option(help: "Key of the embeddings in obsm.") var obsm: String
    @Option(help: "cosine, l2 or ip (default: what the database has; cosine in a new one).")
    var metric: EmbeddingMetric?
    @Option(help: "obs column with cell ids (default: the index).") var cellColumn: String?
    @Option(help: "Put before every cell id.") var idPrefix = ""
    @Option(name: .customLong("where"), help: "Only cells that this expression over obs selects.") var filter: String?
    @Option(help: "Only so many cells, drawn by --seed.") var sample: Int?
    @Option(help: "Seed of --sample.") var seed: UInt64 = 0
    @Option(help: "Cells whose ids are there already: error, skip or replace.")
    var onConflict = IngestOptions.Conflict.error
    @Flag(help: "Drop an unfinished import of something else and start this one.") var restart = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let sample, sample < 1 { throw ValidationError("--sample \(sample): give a whole number from 1") }
    }

    func run() throws {
        var options = ImportOptions(obsm: obsm)
        options.metric = metric
        options.cellColumn = cellColumn
        options.idPrefix = idPrefix
        options.filter = filter
        options.sample = sample
        options.seed = seed
        options.onConflict = onConflict
        options.restart = restart
        options.threads = output.threadCount
        let report = try output.withControl { control in
            try Database.importEmbeddings(files, into: database, options: options, control: control)
        }
        if report.wasComplete {
            output.summary("this import is complete already: nothing was added")
        } else {
            output.summary(
                "\(report.wasResumed ? "taken up again; " : "")\(report.cellsAdded) cells added in "
                    + "\(ProgressBar.duration(report.seconds)), embeddings from \(report.layer)")
        }
        output.print(json: json(report), table: table(report))
    }

    private func json(_ report: IngestReport) -> JSON {
        .object([
            ("cells_added", .integer(report.cellsAdded)),
            (
                "cells_skipped",
                .object(report.cellsSkipped.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
            ),
            ("truncated_cells", .integer(report.truncatedCells)),
            ("layer", .string(report.layer)),
            ("seconds", .number(report.seconds)),
            ("cells_per_second", .number(Double(report.cellsAdded) / max(report.seconds, 1e-9))),
            ("database", report.database.json),
        ])
    }

    private func table(_ report: IngestReport) -> TextTable {
        var table = TextTable.facts()
        table.add("cells added", String(report.cellsAdded))
        for (reason, count) in report.cellsSkipped.sorted(by: { $0.key < $1.key }) {
            table.add("cells skipped: \(reason.replacing("_", with: " "))", String(count))
        }
        table.add("embeddings", report.layer)
        table.add("seconds", decimal(report.seconds, 1))
        table.add("cells in the database", String(report.database.cells))
        table.add("dimension", report.database.dimension.map(String.init) ?? "")
        return table
    }
}

extension EmbeddingMetric: ExpressibleByArgument {}
