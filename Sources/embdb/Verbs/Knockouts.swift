internal import ArgumentParser
internal import EmbDB

struct Knockouts: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ranks candidate therapeutic knockouts.",
        discussion: """
            Example:
              embdb knockouts heart.embdb --genes GATA4,TBX5 \\
                --from 'disease == "DCM"' --to 'disease == "normal"'

            Genes are sorted by their mean shift towards the --to cells. p_value compares \
            a gene's shifts with those of all genes of the list, so a short list says little.
            """)

    enum Screen: String, ExpressibleByArgument, CaseIterable {
        case auto, off
    }

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "The cells to be moved: an expression over obs.") var from: String
    @Option(help: "The cells to move them to: an expression over obs.") var to: String
    @Option(name: .customLong("alternative"), help: "Another state to report shifts for; may be given several times.")
    var alternatives: [String] = []
    @Option(help: "all, genes separated by commas, or @FILE with one gene a line.") var genes = "all"
    @Option(help: "Genes in fewer --from cells are not ranked.") var minCells = 1
    @Option(name: .customShort("k"), help: "Neighbors of neighbor_shift.") var k = 10
    @Option(help: "auto or off; both are exact for every gene so far.") var screen = Screen.auto
    @Option(help: "Print only the best so many (default: all).") var top: Int?
    @OptionGroup var perturbation: PerturbationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for (name, value) in [("--min-cells", minCells), ("-k", k), ("--top", top)] {
            if let value, value < 1 { throw ValidationError("\(name) \(value): give a whole number from 1") }
        }
    }

    func run() throws {
        var options = KnockoutOptions(from: from, to: to)
        options.alternatives = alternatives
        options.genes = try geneList(genes)
        options.mode = perturbation.mode
        options.maximumCells = perturbation.maxCells
        options.minimumCells = minCells
        options.k = k
        options.seed = perturbation.seed
        options.threads = output.threadCount
        let ranking = try perturbation.withControl(output, genes: genes) { control in
            try Database.open(database).knockouts(options: options, control: control)
        }
        output.noteUntrained(ranking.model)
        let shown = Array(ranking.ranking.prefix(top ?? .max))
        let place = try perturbation.answer(
            output, isEmpty: shown.isEmpty, json: { json(ranking, shown) }, table: { table(shown, isWhole: $0) })
        output.summary(
            "\(counted(ranking.ranking.count, "gene")) ranked over \(counted(ranking.fromCells, "cell")) towards "
                + "\(counted(ranking.toCells, "cell")): \(grouped(ranking.forwards)) passes in "
                + duration(ranking.seconds) + place)
        if shown.isEmpty {
            throw NothingFound(
                message: "none of the genes is among what the model reads of \(minCells) or more of the "
                    + "\(ranking.fromCells) --from cells: name other genes, or lower --min-cells")
        }
    }

    private func json(_ ranking: KnockoutRanking, _ shown: [KnockoutRanking.Gene]) -> JSON {
        .object([
            ("from", .object([("cells", .integer(ranking.fromCells))])),
            ("to", .object([("cells", .integer(ranking.toCells))])),
            ("mode", .string(ranking.mode.rawValue)),
            ("seconds", .number(ranking.seconds)),
            (
                "forwards",
                .object([("spent", .integer(ranking.forwards)), ("exact_run", .integer(ranking.forwards))])
            ),
            (
                "reliability",
                .object(
                    ["half_split_overlap", "chance", "icc", "predicted_overlap", "pilot_spearman", "supported"]
                        .map { ($0, .null) })
            ),
            ("ranking", .array(shown.map(row))),
        ])
    }

    private func row(_ gene: KnockoutRanking.Gene) -> JSON {
        .object([
            ("rank", .integer(gene.rank)), ("gene", .string(gene.gene)), ("gene_id", .string(gene.geneID)),
            ("score", .number(gene.score)),
            ("interval", gene.interval.map { .array([.number($0.low), .number($0.high)]) } ?? .null),
            ("shift", .number(gene.shift)),
            (
                "shift_to_alternatives",
                .object(gene.shiftToAlternatives.map { ($0.state, .number($0.shift)) })
            ),
            ("population_effect", .number(gene.populationEffect)), ("neighbor_shift", .number(gene.neighborShift)),
            ("p_value", .number(gene.pValue)), ("fdr", .number(gene.falseDiscoveryRate)),
            ("cells", .integer(gene.cells)), ("same_sign", .number(gene.sameSign)), ("exact", .bool(gene.exact)),
            ("position", .number(gene.position)), ("expression_difference", .number(gene.expressionDifference)),
        ])
    }

    /// - Parameter isWhole: with the columns that have no place on a terminal.
    private func table(_ shown: [KnockoutRanking.Gene], isWhole: Bool) -> TextTable {
        var table = TextTable(
            [
                .number("rank"), .id("gene"), .id("gene_id"), .number("shift"), .number("low"), .number("high"),
                .number("neighbor_shift"), .number("p_value"), .number("fdr"), .number("cells"), .number("same_sign"),
            ]
                + (isWhole
                    ? ["score", "population_effect", "position", "expression_difference"].map { .number($0) } : [])
                + alternatives.map { .number("shift to \($0)") })
        for gene in shown {
            table.add(
                [
                    .integer(gene.rank), .text(gene.gene), .text(gene.geneID), .scientific(gene.shift),
                    gene.interval.map { .scientific($0.low) } ?? .none,
                    gene.interval.map { .scientific($0.high) } ?? .none, .decimal(gene.neighborShift, 4),
                    .scientific(gene.pValue), .scientific(gene.falseDiscoveryRate), .integer(gene.cells),
                    .decimal(gene.sameSign, 2),
                ]
                    + (isWhole
                        ? [gene.score, gene.populationEffect, gene.position, gene.expressionDifference]
                            .map { .scientific($0) } : [])
                    + gene.shiftToAlternatives.map { .scientific($0.shift) })
        }
        return table
    }
}
