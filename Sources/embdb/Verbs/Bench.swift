internal import ArgumentParser
internal import EmbDB
internal import Foundation

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures search, embedding, reading and training on this machine.",
        discussion: "Example: embdb bench embed --model default",
        subcommands: [
            BenchSearch.self, BenchEmbed.self, BenchTokenize.self, BenchKnockouts.self, BenchTrain.self,
            BenchFirstAnswer.self,
        ])
}

struct BenchSearch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Recall and speed over ef, on your own vectors.",
        discussion: """
            Example: embdb bench search --vectors base.npy --queries q.npy -k 10 --ef 16,32,64

            --keep searches among some of the vectors as well, --add measures what is committed a second: 1,000 vectors \
            a commit, each synced and searchable, with the upkeep of the index. --database keeps the database and uses \
            it again; otherwise it is temporary.
            """)

    @Option(help: "The vectors to search, .npy [vectors, dimension].", completion: .npy) var vectors: String
    @Option(help: "The queries, .npy [queries, dimension].", completion: .npy) var queries: String
    @Option(name: .customShort("k"), help: "Neighbors a query.") var k = 10
    @Option(help: "Candidate list lengths, separated by commas.") var ef = "16,32,64"
    @Option(help: "cosine, l2 or ip.") var metric = EmbeddingMetric.cosine
    @Option(help: "Write the ids at the last ef to this .npy (int64 [queries, k]).", completion: .npy) var out: String?
    @Option(help: "Seed of the index.") var seed: UInt64?
    @Option(help: "Threads to build with (default: --threads).") var buildThreads: Int?
    @Option(help: "Who may be a neighbor, .npy bool [vectors]; may be given several times.", completion: .npy)
    var keep: [String] = []
    @Option(help: "Vectors to add at last, .npy [vectors, dimension].", completion: .npy) var add: String?
    @Option(help: "Keep the database here, and use the one that is here.", completion: .database) var database: String?
    @OptionGroup var output: OutputOptions

    /// Asks a fresh process of this program for its first answer.
    private func firstAnswer(database: String, queries: String) throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
        process.arguments = ["bench", "first-answer", database, queries, "-k", String(k)]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let answer = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let seconds = Double(answer.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw ValidationError("the process that measures the first answer failed")
        }
        return seconds
    }

    private var ladder: [Int] { list(ef).compactMap(Int.init) }

    func validate() throws {
        guard k >= 1 else { throw ValidationError("-k \(k): give a whole number from 1") }
        guard !ladder.isEmpty, ladder.count == list(ef).count, ladder.allSatisfy({ $0 >= 1 }) else {
            throw ValidationError("--ef \(ef): give whole numbers from 1, separated by commas")
        }
        if let buildThreads, buildThreads < 1 {
            throw ValidationError("--build-threads \(buildThreads): give a whole number from 1")
        }
        if let out,
            ([vectors, queries, add].compactMap { $0 } + keep).contains(where: { OutputFile.isSamePlace($0, out) })
        {
            throw ValidationError("--out \(out): the file to write is one to read: name another")
        }
    }

    func run() throws {
        var options = SearchBenchmark.Options()
        options.k = k
        options.ef = ladder
        options.metric = metric.rawValue
        options.seed = seed
        options.threads = output.threadCount
        options.buildThreads = buildThreads
        options.filters = keep
        options.added = add
        options.database = database
        let result = try output.withControl { control in
            try SearchBenchmark.run(
                vectors: vectors, queries: queries, options: options, out: out, control: control,
                firstAnswer: firstAnswer)
        }
        output.print(json: json(result), table: table(result))
        output.summary(summary(result))
    }

    private func table(_ result: SearchBenchmark.Result) -> TextTable {
        var table = TextTable(
            (keep.isEmpty ? [] : [.text("among")]) + [
                .number("ef"), .number("recall"), .number("queries/s"), .number("p50 ms"), .number("p99 ms"),
            ])
        func add(_ rows: [SearchBenchmark.Row], among: Int) {
            for row in rows {
                table.add(
                    (keep.isEmpty ? [] : [.text(grouped(among))]) + [
                        .integer(row.ef), .decimal(row.recall, 4), .decimal(row.queriesPerSecond, 0),
                        .decimal(row.p50, 3), .decimal(row.p99, 3),
                    ])
            }
        }
        add(result.results, among: result.vectors)
        for filter in result.filtered { add(filter.results, among: filter.kept) }
        return table
    }

    private func json(_ result: SearchBenchmark.Result) -> JSON {
        func rows(_ rows: [SearchBenchmark.Row]) -> JSON {
            .array(
                rows.map {
                    .object([
                        ("ef", .integer($0.ef)), ("recall", .number($0.recall)),
                        ("queries_per_second", .number($0.queriesPerSecond)), ("p50_ms", .number($0.p50)),
                        ("p99_ms", .number($0.p99)), ("candidates", .number($0.candidates)),
                        ("method", .string($0.method)),
                    ])
                })
        }
        return .object([
            ("vectors", .integer(result.vectors)), ("dimension", .integer(result.dimension)), ("k", .integer(k)),
            ("build_seconds", JSON(result.buildSeconds)), ("index_bytes", .integer(result.indexBytes)),
            ("open_seconds", .number(result.openSeconds)), ("results", rows(result.results)),
            (
                "filters",
                .array(
                    result.filtered.map {
                        .object([
                            ("file", .string($0.file)), ("kept", .integer($0.kept)), ("results", rows($0.results)),
                        ])
                    })
            ),
            (
                "added",
                result.added.map {
                    .object([
                        ("rows", .integer($0.rows)), ("seconds", .number($0.seconds)),
                        ("rows_per_second", .number(Double($0.rows) / $0.seconds)),
                    ])
                } ?? .null
            ),
            ("simd_level", .string(result.simdLevel)),
        ])
    }

    private func summary(_ result: SearchBenchmark.Result) -> String {
        "\(grouped(result.vectors)) vectors of \(result.dimension): "
            + (result.buildSeconds.map { "built in \(duration($0)), " } ?? "")
            + "file \(byteCount(result.indexBytes)), open and first answer in \(duration(result.openSeconds))"
            + (result.added.map { ", \(grouped(Int(Double($0.rows) / $0.seconds))) rows/s added" } ?? "")
            + " (\(result.simdLevel))"
    }
}

struct BenchEmbed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Cells a second through a model.",
        discussion: "Example: embdb bench embed --model default --length 512")

    enum Layers: String, ExpressibleByArgument, CaseIterable {
        case all, needed
    }

    @Option(help: "A model folder, or 'default'.", completion: .directory) var model = "default"
    @Option(help: "Folder of the dictionaries, if not in the model's folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "Tokens a cell (default: the model's maximum).") var length: Int?
    @Option(help: "f32, or bf16 for CPUs with AVX512-BF16 and -VBMI.") var precision = EmbeddingPrecision.f32
    @Option(help: "all layers, or those needed for second-to-last.") var layers = Layers.needed
    @Option(help: "Seed of the tokens.") var seed: UInt64 = 0
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let length, length < 1 { throw ValidationError("--length \(length): give a whole number from 1") }
    }

    func run() throws {
        let result = try output.withControl { control in
            try EmbedBenchmark.run(
                model: model, dictionaries: dictionaries, precision: precision, length: length,
                allLayers: layers == .all, threads: output.threadCount, seed: seed, control: control)
        }
        var table = TextTable.facts()
        table.add("model", result.model + (result.isUntrained ? " (untrained)" : ""))
        table.add("precision", result.precision.rawValue)
        table.add("cells/s", .decimal(result.cellsPerSecond, 2))
        table.add("GFLOP/s", .decimal(result.gigaflops, 1))
        table.add("threads", .integer(output.threadCount))
        table.add("tokens a cell", .integer(result.length))
        table.add("BLAS kernel", result.blasKernel)
        table.add("SIMD level", result.simdLevel)
        output.print(
            json: .object([
                ("model", .string(result.model)), ("precision", .string(result.precision.rawValue)),
                ("threads", .integer(output.threadCount)), ("length", .integer(result.length)),
                ("cells_per_second", .number(result.cellsPerSecond)), ("gflops", .number(result.gigaflops)),
                ("blas_kernel", .string(result.blasKernel)), ("simd_level", .string(result.simdLevel)),
            ]),
            table: table)
        output.summary(
            "\(threeDigits(result.cellsPerSecond)) cells/s of \(grouped(result.length)) tokens on "
                + "\(counted(output.threadCount, "thread"))")
    }
}

struct BenchTokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Cells a second from counts in a file to tokens, without embedding them.",
        discussion: "Example: embdb bench tokenize heart.h5ad --model default")

    @Argument(help: "A file of counts.") var file: String
    @Option(help: "A model folder, or 'default'.", completion: .directory) var model = "default"
    @Option(help: "Folder of the dictionaries, if not in the model's folder or beside it.", completion: .directory)
    var dictionaries: String?
    @Option(help: "X, layers/NAME or raw/X (default: the first of X, layers/counts, raw/X with whole numbers).")
    var layer: String?
    @Option(help: "counts (whole numbers ≥ 0) or normalized (any number ≥ 0).")
    var values = IngestOptions.Values.counts
    @Option(help: "var column with Ensembl ids or symbols (default: found).") var geneColumn: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        var options = IngestOptions()
        options.dictionaries = dictionaries
        options.layer = layer
        options.values = values
        options.geneColumn = geneColumn
        options.threads = output.threadCount
        let result = try output.withControl { control in
            try TokenizeBenchmark.run(file: file, model: model, options: options, control: control)
        }
        let rate = Double(result.cells) / result.seconds
        var table = TextTable.facts()
        table.add("model", result.model)
        table.add("cells", .integer(result.cells))
        table.add("tokens", .integer(result.tokens))
        table.add("seconds", .decimal(result.seconds, 3))
        table.add("cells/s", .decimal(rate, 1))
        table.add("threads", .integer(output.threadCount))
        table.add("most memory", byteCount(result.peakMemory))
        output.print(
            json: .object([
                ("model", .string(result.model)), ("file", .string(file)), ("threads", .integer(output.threadCount)),
                ("cells", .integer(result.cells)), ("tokens", .integer(result.tokens)),
                ("seconds", .number(result.seconds)), ("cells_per_second", .number(rate)),
                ("peak_memory_bytes", .integer(result.peakMemory)),
            ]),
            table: table)
        output.summary(
            "\(threeDigits(rate)) cells/s from the file to tokens on \(counted(output.threadCount, "thread"))")
    }
}

/// Run by `bench search` in a process of its own.
struct BenchFirstAnswer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first-answer", abstract: "Seconds to open a database and answer one query.", shouldDisplay: false)

    @Argument(completion: .database) var database: String
    @Argument var queries: String
    @Option(name: .customShort("k")) var k = 10

    func run() throws {
        Console.answer(String(try SearchBenchmark.firstAnswer(database: database, queries: queries, k: k)))
    }
}
