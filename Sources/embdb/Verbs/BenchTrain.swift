internal import ArgumentParser
internal import EmbDB

struct BenchTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Losses and cells a second of a model that learns from given, masked cells.",
        discussion: """
            Example: embdb bench train --model start --inputs inputs.npy --labels labels.npy --batch 8 --format json

            Both arrays are int32 [cells, length]: the tokens that the model reads, -1 behind a cell's last one; and the \
            tokens that it is to find, -100 elsewhere. Cells are taken in their order, once, and nothing is written: the \
            losses can be laid beside those of another program that has trained the same start on the same cells.
            """)

    @Option(help: "The model folder to begin with, or 'default'; it needs no dictionaries.", completion: .directory)
    var model: String
    @Option(help: "What the model reads, .npy int32 [cells, length].", completion: .npy) var inputs: String
    @Option(help: "What it is to find, .npy int32 [cells, length].", completion: .npy) var labels: String
    @Option(help: "Cells of a step.") var batch = 12
    @Option(help: "The highest learning rate.") var learningRate = 1e-3
    @Option(help: "Share of the steps in which it rises.") var warmup = 0.05
    @Option(help: "How it falls then: linear or cosine.") var schedule = PretrainOptions.Schedule.linear
    @Option(help: "AdamW's weight decay, of matrices alone.") var weightDecay = 0.001
    @Option(help: "Share of hidden states and attention weights that is dropped.") var dropout = 0.0
    @OptionGroup var output: OutputOptions

    func run() throws {
        var options = PretrainOptions()
        options.batch = batch
        options.learningRate = learningRate
        options.warmup = warmup
        options.schedule = schedule
        options.weightDecay = weightDecay
        options.dropout = dropout
        options.threads = output.threadCount
        let result = try output.withControl { control in
            try TrainBenchmark.run(model: model, inputs: inputs, labels: labels, options: options, control: control)
        }
        var table = TextTable.facts()
        table.add("model", result.model)
        table.add("steps", .integer(result.losses.count))
        table.add("loss of the first step", .decimal(result.losses.first ?? 0, 4))
        table.add("loss of the last step", .decimal(result.losses.last ?? 0, 4))
        table.add("cells/s", .decimal(result.cellsPerSecond, 1))
        table.add("threads", .integer(output.threadCount))
        table.add("BLAS kernel", result.blasKernel)
        table.add("SIMD level", result.simdLevel)
        output.print(
            json: .object([
                ("model", .string(result.model)), ("threads", .integer(output.threadCount)),
                ("steps", .integer(result.losses.count)), ("losses", .array(result.losses.map(JSON.number))),
                ("cells_per_second", .number(result.cellsPerSecond)), ("seconds", .number(result.seconds)),
                ("blas_kernel", .string(result.blasKernel)), ("simd_level", .string(result.simdLevel)),
            ]),
            table: table)
        output.summary(
            "\(threeDigits(result.cellsPerSecond)) cells/s learned from on \(counted(output.threadCount, "thread"))")
    }
}
