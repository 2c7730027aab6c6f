internal import ArgumentParser
internal import EmbDB

struct Perturb: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What deleting or overexpressing genes does, cell by cell.",
        discussion: """
            Example:
              embdb perturb heart.embdb --cells 'disease == "DCM"' --genes GATA4,TBX5 \\
                --toward 'disease == "normal"'

            similarity is the cosine of a cell's embeddings before and after; shift is by \
            how much it comes closer to the mean of the --toward cells.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "The cells to be perturbed: an expression over obs.") var cells: String
    @Option(help: "all, genes separated by commas, or @FILE with one gene a line.") var genes: String
    @Flag(help: "All genes at once instead of one after the other.") var together = false
    @Option(help: "Report shifts towards these cells: an expression over obs.") var toward: String?
    @OptionGroup var perturbation: PerturbationOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        var options = PerturbOptions(cells: cells, genes: try geneList(genes))
        options.mode = perturbation.mode
        options.together = together
        options.toward = toward
        options.maximumCells = perturbation.maxCells
        options.seed = perturbation.seed
        options.threads = output.threadCount
        let answer = try perturbation.withControl(output, genes: genes) { control in
            try Database.open(database).perturb(options: options, control: control)
        }
        output.noteUntrained(answer.model)
        let place = try perturbation.answer(
            output, isEmpty: answer.results.isEmpty, json: { json(answer) }, table: { table(answer, isWhole: $0) })
        output.summary(
            "\(counted(answer.results.count, "perturbation")) in \(counted(answer.cells, "cell")): "
                + "\(grouped(answer.forwards)) passes in \(duration(answer.seconds))"
                + (answer.leftOut > 0
                    ? "; \(grouped(answer.leftOut)) left out: without the gene, or without another one" : "")
                + place)
        if answer.results.isEmpty {
            throw NothingFound(
                message:
                    "none of the genes can be deleted from the \(answer.cells) cells: the model reads none of them "
                    + "there, or no other ones; name other genes")
        }
    }

    private func json(_ answer: PerturbAnswer) -> JSON {
        .object([
            ("mode", .string(answer.mode.rawValue)),
            (
                "genes",
                .array(
                    answer.genes.map { .object([("gene", .string($0.gene)), ("gene_id", .string($0.geneID))]) })
            ),
            ("cells", .integer(answer.cells)), ("left_out", .integer(answer.leftOut)),
            ("seconds", .number(answer.seconds)), ("forwards", .integer(answer.forwards)),
            (
                "results",
                .array(
                    answer.results.map { result in
                        .object([
                            ("cell", .string(result.cell)), ("gene", JSON(result.gene?.gene)),
                            ("gene_id", JSON(result.gene?.geneID)), ("position", JSON(result.position)),
                            ("found", .integer(result.found)), ("similarity", .number(result.similarity)),
                            ("shift", JSON(result.shift)),
                        ])
                    })
            ),
        ])
    }

    /// - Parameter isWhole: with the columns that a terminal does not need.
    private func table(_ answer: PerturbAnswer, isWhole: Bool) -> TextTable {
        let (hasGenes, hasShifts) = (isWhole || !together, isWhole || toward != nil)
        var table = TextTable(
            [.id("cell")] + (hasGenes ? [.id("gene"), .id("gene_id"), .number("position")] : [])
                + (isWhole || together ? [.number("found")] : []) + [.number("similarity")]
                + (hasShifts ? [.number("shift")] : []))
        for result in answer.results {
            var row: [TextTable.Cell] = [.text(result.cell)]
            if hasGenes {
                row += [
                    .text(result.gene?.gene ?? ""), .text(result.gene?.geneID ?? ""),
                    result.position.map { .integer($0) } ?? .none,
                ]
            }
            if isWhole || together { row.append(.integer(result.found)) }
            row.append(.decimal(result.similarity, 6))
            if hasShifts { row.append(result.shift.map { .scientific($0) } ?? .none) }
            table.add(row)
        }
        return table
    }
}
