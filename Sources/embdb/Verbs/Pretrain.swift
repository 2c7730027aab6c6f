public import ArgumentParser
public import EmbDB

struct Pretrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pretrain",
        abstract: "Makes a model from your own cells, by masked-gene learning.",
        discussion: """
            Example: embdb model pretrain heart-model heart1.h5ad heart2.h5ad --epochs 10 --hold-out 0.1

            The folder is a model for ingest, and for Hugging Face's transformers. training.tsv in it has the losses.
            What was stopped, by whatever, goes on with --resume.
            """)

    @Argument(help: "The folder to make.", completion: .directory) var folder: String
    @Argument(help: "Files of counts, as ingest takes them.", completion: .file()) var files: [String]

    @Option(help: "Go on from this model folder, or 'default', with its vocabulary and sizes.", completion: .directory)
    var from: String?
    @Option(help: "Folder of that model's dictionaries, if not in its folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "Transformer layers of a new model (default: 4).") var layers: Int?
    @Option(help: "Width of its hidden states (default: 128).") var hidden: Int?
    @Option(help: "Its attention heads (default: 4).") var heads: Int?
    @Option(help: "Width between its feed-forward matrices (default: twice --hidden).") var feedForward: Int?
    @Option(help: "Tokens read of a cell, at most (default: 1024, or those of --from).") var length: Int?
    @Option(help: "A new model's medians and genes come from cells with so many genes (panels say little of them).")
    var minGenes = 200
    @Option(help: "Genes that fewer of these cells have are left out of a new model.") var minCells = 3

    @Option(help: "Steps (default: --epochs).") var steps: Int?
    @Option(help: "Passes over all cells (default: 3).") var epochs: Int?
    @Option(help: "Cells of a step.") var batch = 12
    @Option(help: "The highest learning rate.") var learningRate = 1e-3
    @Option(help: "Share of the steps in which it rises.") var warmup = 0.05
    @Option(help: "How it falls then: linear or cosine.") var schedule = PretrainOptions.Schedule.linear
    @Option(help: "AdamW's weight decay, of matrices alone.") var weightDecay = 0.001
    @Option(help: "Share of hidden states and attention weights that is dropped.") var dropout = 0.02
    @Option(help: "Share of the cells that nothing is learned from.") var holdOut = 0.05
    @Flag(help: "Go on with the training that the folder holds.") var resume = false
    @Option(help: "Minutes between checkpoints: what a kill costs.") var checkpointMinutes = 5.0
    @Option(help: "Seed of the start, the order, the hidden genes, dropout and the cells held out.") var seed: UInt64 =
        0
    @OptionGroup var corpus: CorpusArguments
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if steps != nil, epochs != nil { throw ValidationError("--steps and --epochs: give one of them") }
    }

    func run() throws {
        var options = PretrainOptions()
        options.from = from
        options.dictionaries = dictionaries
        options.layers = layers
        options.hidden = hidden
        options.heads = heads
        options.feedForward = feedForward
        options.length = length
        options.minimumGenes = minGenes
        options.minimumCells = minCells
        options.steps = steps
        options.epochs = epochs ?? options.epochs
        options.batch = batch
        options.learningRate = learningRate
        options.warmup = warmup
        options.schedule = schedule
        options.weightDecay = weightDecay
        options.dropout = dropout
        options.holdOut = holdOut
        options.resume = resume
        options.minutesBetweenCheckpoints = checkpointMinutes
        options.seed = seed
        options.corpus = corpus.options
        options.threads = output.threadCount
        let report = try output.withControl(waitsForSteps: true) { control in
            try Training.pretrain(files, into: folder, options: options, control: control)
        }
        output.print(json: json(report), table: table(report))
        output.summary(summary(report))
    }

    private func json(_ report: PretrainReport) -> JSON {
        .object([
            ("model", report.model.json), ("genes", .integer(report.genes)), ("cells", .integer(report.cells)),
            ("held_out_cells", .integer(report.heldOutCells)),
            ("cells_without_known_gene", .integer(report.cellsWithoutKnownGene)), ("steps", .integer(report.steps)),
            ("epochs", .number(report.epochs)), ("loss", JSON(report.loss)),
            ("held_out_loss", JSON(report.heldOutLoss)), ("held_out_accuracy", JSON(report.heldOutAccuracy)),
            ("seconds", .number(report.seconds)), ("cells_per_second", JSON(report.cellsPerSecond)),
            ("resumed", .bool(report.wasResumed)), ("complete_before", .bool(report.wasComplete)),
        ])
    }

    private func table(_ report: PretrainReport) -> TextTable {
        var table = TextTable.facts()
        table.add("parameters", .integer(report.model.parameters))
        table.add("genes", .integer(report.genes))
        if report.wasComplete { return table }
        table.add("cells learned from", .integer(report.cells))
        table.add("cells held out", .integer(report.heldOutCells))
        table.add("steps", .integer(report.steps))
        table.add("passes over all cells", decimal(report.epochs, 2))
        if let loss = report.loss { table.add("loss of the last steps", decimal(loss, 4)) }
        if let loss = report.heldOutLoss { table.add("loss of held-out cells", decimal(loss, 4)) }
        if let accuracy = report.heldOutAccuracy { table.add("hidden genes found", decimal(100 * accuracy, 2) + " %") }
        if let rate = report.cellsPerSecond { table.add("cells learned from a second", threeDigits(rate)) }
        return table
    }

    private func summary(_ report: PretrainReport) -> String {
        if report.wasComplete { return "this training is complete already: nothing was done (\(folder))" }
        return
            "\(report.wasResumed ? "taken up again; " : "")\(counted(report.cells, "cell")), \(counted(report.steps, "step")) "
            + "in \(duration(report.seconds)); the model is in \(folder)"
    }
}

extension PretrainOptions.Schedule: ExpressibleByArgument {}
