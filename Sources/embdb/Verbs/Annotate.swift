public import ArgumentParser
public import EmbDB
internal import Foundation

struct Annotate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Labels the cells of a file by their nearest stored cells, or by a fine-tuned model.",
        discussion: """
            Example:
              embdb annotate heart.embdb new.h5ad --label cell_type --out labelled.h5ad

            confidence is the share of the neighbors' weight that the label has, runner_up the second label. Neighbors \
            without a label do not vote. Equal weights: the label whose neighbors are nearer, then the first by name. \
            A cell is unknown if its nearest neighbor is farther than 99 of 100 stored cells are from theirs \
            (of up to 2,000 that --seed draws); its label is the vote all the same, to be read with care: another \
            tissue, another protocol, a doublet.

            --vote majority: one neighbor, one vote. distance: exp(-(d/s)^2), s the distance of the farthest of the k. \
            prior: a vote is divided by its label's share of the database, which helps rare labels.

            Without --label, a database of a fine-tuned classifier gives the model's own classes: label is the class, \
            confidence its probability, and probability_CLASS are those of all; neighbors only say what is unknown.

            Several --label: the columns label, confidence and runner_up are of the first; a further one, donor say, has \
            donor, donor_confidence and donor_runner_up. In JSON, labels then holds them all by name.

            --out FILE.h5ad writes a copy of the .h5ad with obs columns embdb_LABEL, embdb_LABEL_confidence, \
            embdb_LABEL_runner_up, embdb_nearest_distance and embdb_unknown, and the embeddings as obsm X_embdb; cells \
            that were left out (--where, no known gene) have missing values there. For cells of a file of another kind \
            it is a new .h5ad with these alone, without counts.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Argument(help: "The cells to label: .h5ad, .loom, 10x .h5 or the folder of a 10x matrix.mtx.", completion: .file())
    var file: String
    @Option(
        name: .customLong("label"),
        help: "obs column to take labels from; may be given several times (default: the classes of a fine-tuned model)."
    )
    var labels: [String] = []
    @Option(name: .customShort("k"), help: "Neighbors that vote.") var k = 15
    @Option(help: "majority, distance or prior.") var vote = AnnotateOptions.Vote.majority
    @Option(name: .customLong("where"), help: "Only cells of the file that this expression over its obs selects.")
    var filter: String?
    @Option(help: "Length of the candidate list (default: chosen for recall ≥ 0.99).") var ef: Int?
    @Option(help: "Seed of the stored cells that the threshold of unknown is learnt from.") var seed: UInt64 = 0
    @Option(help: "Write to this file instead of stdout: .h5ad or .tsv.", completion: .file()) var out: String?
    @OptionGroup var reading: QueryFileOptions
    @OptionGroup var output: OutputOptions

    private var isTable: Bool { out?.lowercased().hasSuffix(".tsv") ?? false }

    func validate() throws {
        for (name, value) in [("-k", k), ("--ef", ef)] {
            if let value, value < 1 { throw ValidationError("\(name) \(value): give a whole number from 1") }
        }
        if let out, !isTable, !out.lowercased().hasSuffix(".h5ad") {
            throw ValidationError("--out \(out): the ending says what to write: .h5ad or .tsv")
        }
        if let twice = labels.first(where: { name in labels.count { $0 == name } > 1 }) {
            throw ValidationError("--label \(twice): name a column once")
        }
    }

    func run() throws {
        var options = AnnotateOptions(labels: labels)
        options.k = k
        options.vote = vote
        options.ef = ef
        options.seed = seed
        options.threads = output.threadCount
        var cells = reading.file(file)
        cells.filter = filter
        if let out { try checkPlace(out) }
        if let out, isTable { try OutputFile.check(out) }
        let annotation = try output.withControl { control in
            let database = try Database.open(database)
            return try database.annotate(
                cells, options: options, writingTo: isTable ? nil : out, control: control)
        }
        output.noteUntrained(annotation.model)
        if let out, isTable {
            var target = try OutputFile(out)
            try target.write(table(annotation).tsv + "\n")
            try target.finish()
        } else if out == nil {
            output.print(json: json(annotation), table: table(annotation))
        }
        output.summary(summary(annotation))
    }

    /// An mtx is a folder of files, none of which is to be written over.
    private func checkPlace(_ out: String) throws {
        func place(_ path: String) -> URL { URL(fileURLWithPath: path).resolvingSymlinksInPath() }
        let (source, folder) = (place(file), place(out).deletingLastPathComponent().standardizedFileURL.path)
        let isMatrix = [".mtx", ".mtx.gz"].contains(where: file.lowercased().hasSuffix)
        guard folder != (isMatrix ? source.deletingLastPathComponent() : source).standardizedFileURL.path else {
            throw EmbDBError(
                .usage, "the file to write lies in the folder that is read (\(out)): write it to another folder")
        }
    }

    private func summary(_ annotation: Annotation) -> String {
        let known = annotation.cells.count { !$0.isUnknown }
        let unknown = annotation.cells.count - known
        let threshold = annotation.unknownBeyond.map { decimal(shortest($0), 6) }
        return
            "\(counted(annotation.cells.count, "cell")) labelled by \(annotation.classes.isEmpty ? labels.joined(separator: ", ") : "the model's classes"), \(grouped(unknown)) of them unknown"
            + (threshold.map { " (no stored cell within \($0))" } ?? "") + (out.map { "; written to \($0)" } ?? "")
    }

    private func json(_ annotation: Annotation) -> JSON {
        .array(
            annotation.cells.map { cell in
                var row: [(String, JSON)] = [("cell", .string(cell.cell))]
                row += json(cell.decisions[0])
                row += [
                    ("nearest_distance", JSON(cell.nearestDistance)), ("unknown", .bool(cell.isUnknown)),
                    ("unknown_beyond", JSON(annotation.unknownBeyond)),
                ]
                if !annotation.classes.isEmpty {
                    let probabilities = zip(annotation.classes, cell.probabilities).map { ($0, JSON($1)) }
                    row.append(("probabilities", .object(probabilities)))
                }
                if labels.count > 1 {
                    row.append(("labels", .object(zip(labels, cell.decisions).map { ($0, .object(json($1))) })))
                }
                return .object(row)
            })
    }

    private func json(_ decision: Annotation.Decision) -> [(String, JSON)] {
        [
            ("label", JSON(decision.label)), ("confidence", JSON(decision.confidence)),
            ("runner_up", JSON(decision.runnerUp)),
        ]
    }

    private func table(_ annotation: Annotation) -> TextTable {
        var table = TextTable(
            [
                .id("cell"), .text("label"), .number("confidence"), .text("runner_up"), .number("nearest_distance"),
                .text("unknown"),
            ]
                + labels.dropFirst().flatMap { name in
                    [.text(name), .number("\(name)_confidence"), .text("\(name)_runner_up")]
                } + annotation.classes.map { .number("probability_\($0)") })
        for cell in annotation.cells {
            table.add(
                [.text(cell.cell)] + fields(cell.decisions[0])
                    + [.decimal(shortest(cell.nearestDistance), 6), .text(cell.isUnknown ? "true" : "false")]
                    + cell.decisions.dropFirst().flatMap(fields)
                    + cell.probabilities.map { .decimal(shortest($0), 4) })
        }
        return table
    }

    private func fields(_ decision: Annotation.Decision) -> [TextTable.Cell] {
        [
            decision.label.map { .text($0) } ?? .none, decision.confidence.map { .decimal($0, 2) } ?? .none,
            decision.runnerUp.map { .text($0) } ?? .none,
        ]
    }
}

extension AnnotateOptions.Vote: ExpressibleByArgument {}
