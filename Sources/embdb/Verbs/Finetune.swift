public import ArgumentParser
public import EmbDB

struct Finetune: ParsableCommand {
    enum Task: String, ExpressibleByArgument, CaseIterable {
        case cell, gene
    }

    static let configuration = CommandConfiguration(
        commandName: "finetune",
        abstract: "Teaches a model to tell cells, or genes, apart, and tests it on others.",
        discussion: """
            Examples:
              embdb model finetune dcm-model --from heart-model heart.h5ad --task cell --label disease --group donor
              embdb model finetune dosage-model --from default heart.h5ad --task gene --classes genes.tsv --folds 5

            The folder is a model for ingest, and for Hugging Face's transformers; in it lie what the test showed \
            (predictions.tsv, classes.tsv, confusion_matrix.svg, roc.svg, calibration.svg) and training.tsv with the losses.

            One part of the cells (or genes) is tested; of the others, a part says when to stop. With --folds each part is \
            tested once, and the model in the folder learned from all. --group keeps the cells of one donor together.

            genes.tsv: a header, then in each line a gene and its class, separated by a tab.
            """)

    @Argument(help: "The folder to make.", completion: .directory) var folder: String
    @Argument(help: "Files of counts, as ingest takes them.", completion: .file()) var files: [String]
    @Option(help: "The model folder to begin with, or 'default'.", completion: .directory) var from: String
    @Option(help: "Folder of its dictionaries, if not in its folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "What is told apart: cell or gene.") var task: Task
    @Option(help: "obs column with the classes of cells.") var label: String?
    @Option(help: "Table of genes and their classes, tab separated.", completion: .file()) var classes: String?

    @Option(help: "Passes over the cells, at most.") var epochs = 10
    @Option(help: "Passes without a lower loss of the watched part before learning ends.") var patience = 2
    @Option(help: "Cells of a step.") var batch = 12
    @Option(help: "The highest learning rate (default: 5e-5; 5e-4 for models narrower than 256).")
    var learningRate: Double?
    @Option(help: "Share of the steps in which it rises.") var warmup = 0.1
    @Option(help: "How it falls then: linear or cosine.") var schedule = PretrainOptions.Schedule.linear
    @Option(help: "AdamW's weight decay, of matrices alone.") var weightDecay = 0.001
    @Option(help: "Share of hidden states and attention weights that is dropped.") var dropout = 0.02
    @Option(help: "The first so many layers stay as they are.") var freezeLayers = 0
    @Option(help: "How classes count: balanced (all alike) or none (all examples alike).")
    var classWeights = FinetuneOptions.ClassWeights.balanced
    @Option(help: "Tokens read of a cell, at most, in training and by the new model (default: what --from reads).")
    var length: Int?
    @Option(help: "obs column (donor, say) whose values are not divided between learning and testing.") var group:
        String?
    @Option(help: "Parts of a cross-validation; 1: one part is tested.") var folds = 1
    @Option(help: "Share of cells, or genes, that are tested, with --folds 1: the nearest of 1/2, 1/3, 1/4 …")
    var holdOut = 0.2
    @Option(help: "Share of the others that says when to stop: the nearest of 1/2, 1/3, 1/4 …") var validation = 0.1
    @Option(help: "A class with fewer cells, or genes, is left out.") var minOfClass = 10
    @Option(help: "So many cells of a class, drawn by --seed (default: all).") var maxOfClass: Int?
    @Option(help: "So many cells that have the genes, drawn by --seed; for --task gene (default: 10000).")
    var maxCells: Int?
    @Option(help: "Seed of start, split, order and dropout.") var seed: UInt64 = 0
    @OptionGroup var corpus: CorpusArguments
    @OptionGroup var output: OutputOptions

    func validate() throws {
        switch task {
        case .cell:
            guard label != nil else {
                throw ValidationError("--task cell: name the obs column of the classes by --label")
            }
            if classes != nil { throw ValidationError("--classes: that is for --task gene") }
            if maxCells != nil {
                throw ValidationError("--max-cells: that is for --task gene; --max-of-class says how many of a class")
            }
        case .gene:
            guard classes != nil else { throw ValidationError("--task gene: name the table of genes by --classes") }
            if label != nil { throw ValidationError("--label: that is for --task cell") }
        }
    }

    func run() throws {
        var options = FinetuneOptions(task == .cell ? .cell(label: label ?? "") : .gene(classes: classes ?? ""))
        options.dictionaries = dictionaries
        options.epochs = epochs
        options.patience = patience
        options.batch = batch
        options.learningRate = learningRate
        options.warmup = warmup
        options.schedule = schedule
        options.weightDecay = weightDecay
        options.dropout = dropout
        options.freezeLayers = freezeLayers
        options.classWeights = classWeights
        options.length = length
        options.group = group
        options.folds = folds
        options.holdOut = holdOut
        options.validation = validation
        options.minimumOfClass = minOfClass
        options.maximumOfClass = maxOfClass
        if let maxCells { options.maximumCells = maxCells }
        options.seed = seed
        options.corpus = corpus.options
        options.threads = output.threadCount
        let report = try output.withControl { control in
            try Training.finetune(files, from: from, into: folder, options: options, control: control)
        }
        output.print(json: json(report), table: table(report))
        output.summary(
            "\(counted(report.cells, "cell")), \(grouped(report.classes.count)) classes in "
                + "\(duration(report.seconds)); model, tables and figures are in \(folder)")
    }

    private func json(_ report: FinetuneReport) -> JSON {
        .object(
            [
                ("model", report.model.json), ("task", .string(report.task)), ("cells", .integer(report.cells)),
                (
                    "classes",
                    .array(
                        zip(report.classes, report.counts).map {
                            .object([("class", .string($0)), ("count", .integer($1))])
                        })
                ),
                ("left_out", .object(report.leftOut.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })),
            ] + EvaluationOutput.json(report.folds, report.summary, report.calibration)
                + [("epochs", .array(report.epochs.map(JSON.integer))), ("seconds", .number(report.seconds))])
    }

    private func table(_ report: FinetuneReport) -> TextTable {
        EvaluationOutput.table(report.folds, report.summary, report.calibration)
    }
}

extension FinetuneOptions.ClassWeights: ExpressibleByArgument {}
