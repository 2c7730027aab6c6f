internal import ArgumentParser
internal import EmbDB

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "How well a classifier tells labelled cells, or genes, apart.",
        discussion: """
            Example: embdb model evaluate dcm-model other-cohort.h5ad --label disease --out dcm-evaluation

            --out writes tables (predictions.tsv, classes.tsv, confusion_matrix.tsv, roc.tsv) and figures \
            (confusion_matrix.svg, roc.svg, calibration.svg) to a folder. The cells should be such as the model has not \
            learned from. Of a gene, the mean over all cells that have it is judged.
            """)

    @Argument(help: "The folder of a classifier.", completion: .directory) var folder: String
    @Argument(help: "Files of counts, as ingest takes them.", completion: .file()) var files: [String]
    @Option(help: "Folder of its dictionaries, if not in its folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "obs column with the true classes of cells.") var label: String?
    @Option(help: "Table of genes and their true classes, tab separated.", completion: .file()) var classes: String?
    @Option(help: "Write tables and figures to this folder.", completion: .directory) var out: String?
    @Option(help: "Seed of --sample.") var seed: UInt64 = 0
    @OptionGroup var corpus: CorpusArguments
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (label == nil) != (classes == nil) else {
            throw ValidationError("--label or --classes: give the one that the model is for")
        }
    }

    func run() throws {
        var options = EvaluateOptions(label.map { .cell(label: $0) } ?? .gene(classes: classes ?? ""))
        options.dictionaries = dictionaries
        options.corpus = corpus.options
        options.seed = seed
        options.threads = output.threadCount
        let report = try output.withControl { control in
            try Training.evaluate(files, of: folder, options: options, writingTo: out, control: control)
        }
        guard let summary = FoldSummary([report.scores]) else { return }
        output.print(
            json: .object(
                [("model", report.model.json), ("task", .string(report.task))]
                    + EvaluationOutput.json([report.scores], summary, report.calibration)
                    + [
                        (
                            "left_out",
                            .object(report.leftOut.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
                        ), ("seconds", .number(report.seconds)),
                    ]),
            table: EvaluationOutput.table([report.scores], summary, report.calibration))
        output.summary(
            "\(counted(report.scores.count, report.task)) in \(duration(report.seconds))"
                + (out.map { "; tables and figures are in \($0)" } ?? "")
        )
    }
}
