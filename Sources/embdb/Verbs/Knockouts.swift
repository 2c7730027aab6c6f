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
    @Option(help: "obs column of donors: cells are drawn evenly over them, intervals and p values are over donors.")
    var donor: String?
    @Option(help: "obs column of perturbations that were really made: rank these by their cells against the control's.")
    var observed: String?
    @Option(help: "Its value for cells that nothing was done to (default: control, ctrl, NT or non-targeting).")
    var control: String?
    @Option(help: "Compare with a ranking that needs no model: expression.") var baseline: KnockoutOptions.Baseline?
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
        if control != nil, observed == nil { throw ValidationError("--control is for --observed: give both") }
        if observed != nil, perturbation.mode != .delete {
            throw ValidationError("--mode: --observed ranks what was really done: leave it out")
        }
        if let out = perturbation.out,
            [".h5ad", ".npz", ".npy", ".png", ".pdf"].contains(where: out.lowercased().hasSuffix)
        {
            throw ValidationError(
                "--out \(out): a ranking is written as .tsv, .json or .svg, not as HDF5 or others: name it so")
        }
        if observed != nil, genes != "all" {
            throw ValidationError("--genes: --observed ranks the perturbations of its column: leave it out")
        }
        if budget != nil, seconds != nil { throw ValidationError("--budget and --seconds are two limits: give one") }
    }

    func run() throws {
        var options = KnockoutOptions(from: from, to: to)
        var seen: Set<String> = []
        options.alternatives = alternatives.filter { seen.insert($0).inserted }
        options.genes = try geneList(genes)
        options.mode = perturbation.mode
        options.quartiles = perturbation.quartiles
        options.maximumCells = perturbation.maxCells
        options.minimumCells = minCells
        options.screen = screen
        options.budget = budget
        options.seconds = seconds
        options.donor = donor
        options.observed = observed
        options.control = control
        options.baseline = baseline
        options.k = k
        options.seed = perturbation.seed
        options.threads = output.threadCount
        let ranking = try perturbation.withControl(output, genes: genes, waitsForSteps: true) { control in
            try Database.open(database).knockouts(options: options, control: control)
        }
        output.noteUntrained(ranking.model)
        let shown = Array(ranking.ranking.prefix(top ?? .max))
        let text = KnockoutOutput(ranking, top: top, alternatives: options.alternatives)
        let place = try perturbation.answer(
            output, isEmpty: shown.isEmpty, json: { text.json }, table: { text.table(isWhole: $0) },
            meanings: (ranking.isPartial ? [PerturbationOptions.partial] : []) + text.meanings,
            svg: { KnockoutFigure(ranking, genes: shown, from: from, to: to).svg })
        for line in text.trust { output.summary(line) }
        output.summary(
            "\(counted(ranking.ranking.count, "gene")) ranked over \(counted(ranking.fromCells, "cell")) towards "
                + "\(counted(ranking.toCells, "cell")): \(grouped(ranking.forwards)) passes in "
                + duration(ranking.seconds) + place)
        if ranking.isPartial {
            throw EmbDBError(
                .cancelled, "stopped before the end; the rows are of what was done by then: run it again for all")
        }
        if shown.isEmpty {
            throw NothingFound(
                message:
                    "none of the genes is among what the model reads of \(ranking.reliability.minimumCells) or more "
                    + "of the \(ranking.fromCells) --from cells: name other genes, or lower --min-cells")
        }
    }
}
