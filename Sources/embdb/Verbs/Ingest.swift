public import ArgumentParser
public import EmbDB

struct Ingest: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Counts → tokens → transformer → embeddings, obs and index.",
        discussion: "Example: embdb ingest heart.embdb heart.h5ad --model default")

    @Argument(help: "The database file; made if it is not there.", completion: .database) var database: String
    @Argument(help: "Files of counts: .h5ad, .loom, 10x .h5, folders of a 10x matrix.mtx.", completion: .file())
    var files: [String]
    @Option(
        help: "A model folder, or 'default'. The first ingest stores the model in the database.", completion: .directory
    )
    var model: String?
    @Option(help: "Folder of the dictionaries, if not in the model's folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "X, layers/NAME or raw/X (default: the first of X, layers/counts, raw/X with whole numbers).")
    var layer: String?
    @Option(help: "counts (whole numbers ≥ 0) or normalized (any number ≥ 0).")
    var values = IngestOptions.Values.counts
    @Option(help: "var column with Ensembl ids or symbols (default: found).") var geneColumn: String?
    @Option(help: "obs column with cell ids (default: the index).") var cellColumn: String?
    @Option(help: "Put before every cell id.") var idPrefix = ""
    @Option(name: .customLong("where"), help: "Only cells that this expression over obs selects.") var filter: String?
    @Option(help: "Only so many cells, drawn by --seed.") var sample: Int?
    @Option(help: "Seed of --sample.") var seed: UInt64 = 0
    @Option(help: "Hidden layer: last (better in the default model) or second-to-last (default: second-to-last).")
    var embed: EmbeddingLayer?
    @Option(help: "cls or mean (default: mean for V1, cls for V2).") var pool: EmbeddingPooling?
    @Option(help: "f32, or bf16 for CPUs with AVX512-BF16 and -VBMI.") var precision =
        EmbeddingPrecision.f32
    @Option(help: "Gene embeddings also for the cells of each value of this obs column.") var groupGenesBy: String?
    @Option(help: "Cells whose ids are there already: error, skip or replace.")
    var onConflict = IngestOptions.Conflict.error
    @Flag(help: "Check everything and estimate time, memory and disk; write nothing.") var dryRun = false
    @Flag(help: "Drop an unfinished ingest of something else and start this one.") var restart = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let sample, sample < 1 { throw ValidationError("--sample \(sample): give a whole number from 1") }
    }

    func run() throws {
        var options = IngestOptions()
        options.model = model
        options.dictionaries = dictionaries
        options.layer = layer
        options.values = values
        options.geneColumn = geneColumn
        options.cellColumn = cellColumn
        options.idPrefix = idPrefix
        options.filter = filter
        options.sample = sample
        options.seed = seed
        options.embed = embed
        options.pool = pool
        options.groupGenesBy = groupGenesBy
        options.onConflict = onConflict
        options.restart = restart
        options.precision = precision
        options.threads = output.threadCount
        if dryRun {
            try estimate(options)
            return
        }
        let report = try output.withControl { control in
            try Database.ingest(files, into: database, options: options, control: control)
        }
        output.print(json: json(report), table: table(report))
        if report.wasComplete {
            output.summary("this ingest is complete already: nothing was added")
        } else {
            output.summary(summary(of: report))
        }
    }

    private func estimate(_ options: IngestOptions) throws {
        let estimate = try output.withControl { control in
            try Database.estimateIngest(files, into: database, options: options, control: control)
        }
        output.print(json: json(estimate), table: table(estimate))
        output.summary(
            estimate.report.wasComplete
                ? "this ingest is complete already: nothing would be added"
                : "would add \(counted(estimate.report.cellsAdded, "cell")) in about \(duration(estimate.seconds)), with "
                    + "\(byteCount(estimate.memoryBytes)) of memory and \(byteCount(estimate.diskBytes)) of disk; nothing "
                    + "was written")
    }

    private func summary(of report: IngestReport) -> String {
        let model = report.database.model.map { $0.isUntrained ? "\($0.name), untrained" : $0.name } ?? "none"
        return "\(report.wasResumed ? "taken up again; " : "")\(counted(report.cellsAdded, "cell")) added in "
            + "\(duration(report.seconds)) (model \(model)); \(grouped(report.genesMatched)) of "
            + "\(grouped(report.genesTotal)) genes known, counts from \(report.layer), genes from var "
            + report.geneColumn
    }
}

extension EmbeddingPrecision: ExpressibleByArgument {}
extension IngestOptions.Conflict: ExpressibleByArgument {}
extension IngestOptions.Values: ExpressibleByArgument {}
extension EmbeddingLayer: ExpressibleByArgument {}
extension EmbeddingPooling: ExpressibleByArgument {}
