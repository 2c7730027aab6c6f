internal import ArgumentParser
internal import EmbDB

struct BenchKnockouts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "knockouts", abstract: "Seconds to delete every gene of a cell, or to estimate that.",
        discussion: """
            Example: embdb bench knockouts --model default --length 512

            Some deletions are embedded, and the time of all is worked out from theirs. The estimate (the screen) is that of all.
            """)

    @Option(help: "A model folder, or 'default'.", completion: .directory) var model = "default"
    @Option(help: "Folder of the dictionaries, if not in the model's folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "Tokens of the cell (default: the model's maximum).") var length: Int?
    @Option(help: "f32, or bf16 for CPUs with AVX512-BF16 and -VBMI.") var precision = EmbeddingPrecision.f32
    @Option(help: "So many deletions or a few more, evenly spaced by groups that share work, are embedded and timed.")
    var verify = 64
    @Option(help: "Seed of the tokens.") var seed: UInt64 = 0
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for (name, value) in [("--length", length), ("--verify", verify)] {
            if let value, value < 1 { throw ValidationError("\(name) \(value): give a whole number from 1") }
        }
    }

    func run() throws {
        let result = try output.withControl { control in
            try KnockoutBenchmark.run(
                model: model, dictionaries: dictionaries, precision: precision, length: length, sampled: verify,
                threads: output.threadCount, seed: seed, control: control)
        }
        var table = TextTable.facts()
        table.add("model", result.model + (result.isUntrained ? " (untrained)" : ""))
        table.add("precision", result.precision.rawValue)
        table.add("threads", .integer(output.threadCount))
        table.add("tokens of the cell", .integer(result.length))
        table.add("exact: seconds for all genes", .decimal(result.exactSeconds, 3))
        table.add("exact: deletions timed", .integer(result.exactSampled))
        table.add("exact: passes for all genes", .integer(result.exactForwards))
        table.add("screen: seconds for all genes", .decimal(result.screenSeconds, 3))
        table.add("screen: passes", .integer(result.screenForwards))
        table.add("BLAS kernel", result.blasKernel)
        table.add("SIMD level", result.simdLevel)
        output.print(
            json: .object([
                ("model", .string(result.model)), ("length", .integer(result.length)),
                ("threads", .integer(output.threadCount)), ("precision", .string(result.precision.rawValue)),
                ("exact_seconds", .number(result.exactSeconds)), ("exact_sampled", .integer(result.exactSampled)),
                ("screen_seconds", .number(result.screenSeconds)),
                ("forwards_exact", .integer(result.exactForwards)),
                ("forwards_screen", .integer(result.screenForwards)), ("blas_kernel", .string(result.blasKernel)),
                ("simd_level", .string(result.simdLevel)),
            ]),
            table: table)
        output.summary(
            "\(threeDigits(result.exactSeconds)) s for each deletion of a cell of \(grouped(result.length)) tokens, "
                + "\(threeDigits(result.screenSeconds)) s for their estimate, on \(counted(output.threadCount, "thread"))"
        )
    }
}
