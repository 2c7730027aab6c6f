internal import ArgumentParser
internal import EmbDB

struct Knockouts: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ranks candidate therapeutic knockouts.",
        discussion: """
            Example:
              embdb knockouts heart.embdb --genes GATA4,TBX5 \\
                --from 'disease == "DCM"' --to 'disease == "normal"'

            Genes are sorted by score: the shift towards the --to cells less that towards the \
            --from cells, without what any deletion does to a cell, and nearer to 0 the fewer \
            cells have the gene. shift, p_value and fdr are Geneformer's. By default most \
            deletions are estimated (exact says which are not); the summary says how far the \
            ranking can be trusted.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "The cells to be moved: an expression over obs.") var from: String
    @Option(help: "The cells to move them to: an expression over obs.") var to: String
    @Option(name: .customLong("alternative"), help: "Another state to report shifts for; may be given several times.")
    var alternatives: [String] = []
    @Option(help: "all, genes separated by commas, or @FILE with one gene a line.") var genes = "all"
    @Option(help: "Genes in fewer --from cells are listed apart (default: 1 for named genes, else 20 or a quarter).")
    var minCells: Int?
    @Option(name: .customShort("k"), help: "Neighbors of neighbor_shift.") var k = 10
    @Option(help: "auto (estimate deletions where that is cheaper and a check finds it good) or off (all exact).")
    var screen = KnockoutOptions.Screen.auto
    @Option(help: "Passes through the model, as a share of the exact run's (default: what estimates need, or 0.01).")
    var budget: Double?
    @Option(help: "Instead of --budget: begin nothing new after so many seconds.") var seconds: Double?
    @Option(help: "Print only the best so many (default: all).") var top: Int?
    @OptionGroup var perturbation: PerturbationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for (name, value) in [("--min-cells", minCells), ("-k", k), ("--top", top)] {
            if let value, value < 1 { throw ValidationError("\(name) \(value): give a whole number from 1") }
        }
        if let budget, !(budget > 0 && budget <= 1) {
            throw ValidationError("--budget \(budget): give a share of the exact run, above 0 and up to 1")
        }
        if let seconds, !(seconds > 0) { throw ValidationError("--seconds \(seconds): give more than 0") }
        if budget != nil, seconds != nil { throw ValidationError("--budget and --seconds are two limits: give one") }
    }

    func run() throws {
        var options = KnockoutOptions(from: from, to: to)
        options.alternatives = alternatives
        options.genes = try geneList(genes)
        options.mode = perturbation.mode
        options.maximumCells = perturbation.maxCells
        options.minimumCells = minCells
        options.screen = screen
        options.budget = budget
        options.seconds = seconds
        options.k = k
        options.seed = perturbation.seed
        options.threads = output.threadCount
        let ranking = try perturbation.withControl(output, genes: genes, waitsForSteps: true) { control in
            try Database.open(database).knockouts(options: options, control: control)
        }
        output.noteUntrained(ranking.model)
        let shown = Array(ranking.ranking.prefix(top ?? .max))
        let place = try perturbation.answer(
            output, isEmpty: shown.isEmpty, json: { json(ranking, shown) }, table: { table(shown, ranking.rare, isWhole: $0) })
        output.summary(
            "\(counted(ranking.ranking.count, "gene")) ranked over \(counted(ranking.fromCells, "cell")) towards "
                + "\(counted(ranking.toCells, "cell")): \(grouped(ranking.forwards)) passes in "
                + duration(ranking.seconds) + place)
        for line in trust(ranking) { output.summary(line) }
        if ranking.isPartial {
            throw EmbDBError(
                .cancelled, "stopped before the end; the rows are of what was done by then: run it again for all")
        }
        if shown.isEmpty {
            throw NothingFound(
                message: "none of the genes is among what the model reads of \(ranking.reliability.minimumCells) or more "
                    + "of the \(ranking.fromCells) --from cells: name other genes, or lower --min-cells")
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
                .object([
                    ("spent", .integer(ranking.forwards)), ("exact_run", .integer(ranking.forwardsOfExactRun)),
                ])
            ),
            ("partial", .bool(ranking.isPartial)),
            ("reliability", reliability(ranking.reliability)),
            ("ranking", .array(shown.map(row))), ("rare", .array(ranking.rare.map(row))),
        ])
    }

    private func reliability(_ found: KnockoutRanking.Reliability) -> JSON {
        .object([
            ("half_split_overlap", JSON(found.halfSplitOverlap)), ("chance", JSON(found.chance)),
            ("icc", JSON(found.intraclassCorrelation)), ("predicted_overlap", JSON(found.predictedOverlap)),
            ("pilot_spearman", JSON(found.pilotSpearman)), ("pilot_slope", JSON(found.pilotSlope)),
            ("estimates_used", .bool(found.usesEstimates)), ("supported", JSON(found.isSupported)),
            ("best", .integer(found.best)), ("cells_needed", JSON(found.cellsNeeded)),
            ("min_cells", .integer(found.minimumCells)), ("state_separation", JSON(found.stateSeparation)),
            ("position_correlation", JSON(found.positionCorrelation)),
            ("expression_correlation", JSON(found.expressionCorrelation)),
        ])
    }

    private func row(_ gene: KnockoutRanking.Gene) -> JSON {
        .object([
            ("rank", JSON(gene.rank)), ("gene", .string(gene.gene)), ("gene_id", .string(gene.geneID)),
            ("score", .number(gene.score)),
            ("interval", gene.interval.map { .array([.number($0.low), .number($0.high)]) } ?? .null),
            ("shift", .number(gene.shift)),
            (
                "shift_to_alternatives",
                .object(gene.shiftToAlternatives.map { ($0.state, .number($0.shift)) })
            ),
            ("population_effect", .number(gene.populationEffect)), ("neighbor_shift", JSON(gene.neighborShift)),
            ("p_value", .number(gene.pValue)), ("fdr", .number(gene.falseDiscoveryRate)),
            ("cells", .integer(gene.cells)), ("donors", JSON(gene.donors)), ("same_sign", JSON(gene.sameSign)), ("exact", .bool(gene.exact)),
            ("position", .number(gene.position)), ("expression_difference", .number(gene.expressionDifference)),
        ])
    }

    /// How far it can be trusted, in sentences.
    private func trust(_ ranking: KnockoutRanking) -> [String] {
        let found = ranking.reliability
        var lines: [String] = []
        func percent(_ share: Double) -> String { "\(decimal(100 * share, share < 0.0995 ? 1 : 0)) %" }
        if ranking.isPartial { lines.append("stopped before its end: these are the cells and deletions done by then") }
        if ranking.forwards < ranking.forwardsOfExactRun {
            lines.append(
                "\(percent(Double(ranking.forwards) / Double(ranking.forwardsOfExactRun))) of the passes of the exact run"
                    + (found.predictedOverlap.map {
                        "; about \(percent($0)) of its best \(found.best) genes are among the best \(found.best) here"
                    } ?? ""))
        }
        if let spearman = found.pilotSpearman, let slope = found.pilotSlope {
            lines.append(
                "estimates against exact deletions: rank correlation \(decimal(spearman, 2)), slope \(decimal(slope, 2))"
                    + (found.usesEstimates ? "" : ": not good enough, not used"))
        }
        if let half = found.halfSplitOverlap, let chance = found.chance {
            lines.append(
                "two halves of the cells share \(percent(half)) of their best \(found.best) genes, by chance \(percent(chance))")
        }
        if found.isSupported == false {
            lines.append(
                "these cells support no gene ranking for this pair of states"
                    + (found.statesDiffer
                        ? found.cellsNeeded.map { ": \(grouped($0)) cells with a gene would" } ?? ""
                        : ": the model hardly tells the states apart"
                            + (found.stateSeparation.map { " (\(percent($0)) of their cells, by chance 50 %)" } ?? "")))
        }
        if !ranking.rare.isEmpty {
            lines.append(
                "\(counted(ranking.rare.count, "gene")) in fewer than \(found.minimumCells) cells are not ranked: "
                    + "--format json and tsv have them apart")
        }
        return lines
    }

    /// - Parameter isWhole: with the columns that have no place on a terminal, and the rare genes.
    private func table(_ shown: [KnockoutRanking.Gene], _ rare: [KnockoutRanking.Gene], isWhole: Bool) -> TextTable {
        var table = TextTable(
            [
                .number("rank"), .id("gene"), .id("gene_id"), .number("score"), .number("low"), .number("high"),
                .number("shift"), .number("fdr"), .number("cells"), .number("same_sign"), .text("exact"),
            ]
                + (isWhole
                    ? ["neighbor_shift", "p_value", "population_effect", "position", "expression_difference", "donors"]
                        .map { .number($0) } : [])
                + alternatives.map { .number("shift to \($0)") })
        for gene in shown + (isWhole ? rare : []) {
            table.add(
                [
                    gene.rank.map { .integer($0) } ?? .none, .text(gene.gene), .text(gene.geneID),
                    .scientific(gene.score), gene.interval.map { .scientific($0.low) } ?? .none,
                    gene.interval.map { .scientific($0.high) } ?? .none, .scientific(gene.shift),
                    .scientific(gene.falseDiscoveryRate), .integer(gene.cells),
                    gene.sameSign.map { .decimal($0, 2) } ?? .none, .text(gene.exact ? "yes" : "no"),
                ]
                    + (isWhole ? details(gene) : [])
                    + gene.shiftToAlternatives.map { .scientific($0.shift) })
        }
        return table
    }

    private func details(_ gene: KnockoutRanking.Gene) -> [TextTable.Cell] {
        let numbers: [Double?] = [
            gene.neighborShift, gene.pValue, gene.populationEffect, gene.position, gene.expressionDifference,
        ]
        var cells: [TextTable.Cell] = numbers.map { $0.map { .scientific($0) } ?? .none }
        cells.append(gene.donors.map { .integer($0) } ?? .none)
        return cells
    }
}
