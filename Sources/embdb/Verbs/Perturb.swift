internal import ArgumentParser
internal import EmbDB

struct Perturb: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What perturbing genes does, cell by cell.",
        discussion: """
            Example:
              embdb perturb heart.embdb --cells 'disease == "DCM"' --genes GATA4,TBX5 \\
                --toward 'disease == "normal"'

            similarity is the cosine of a cell's embeddings before and after; shift is by \
            how much it comes closer to the mean of the --toward cells. Without --toward an \
            effect is little but the gene's place; beyond_position (with --genes all) is what \
            is left of it. synergy (with --pairs or --anchor) is what genes do together \
            beyond the sum of what each does alone. --out FILE.npz or FILE.h5ad (obsm, beside the \
            cells' obs) writes cells × genes.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "The cells to be perturbed: an expression over obs.") var cells: String
    @Option(help: "all, genes separated by commas, or @FILE with one gene a line.") var genes: String?
    @Flag(help: "All genes at once instead of one after the other.") var together = false
    @Option(help: "Perturb this gene together with each of the others (default: all others).") var anchor: String?
    @Option(help: "@FILE with two genes (or more) a line that are perturbed together, instead of --genes.")
    var pairs: String?
    @Flag(help: "Which genes' own hidden states a perturbation changes, instead of the cells' embeddings.")
    var affectedGenes = false
    @Option(help: "Name so many stored cells nearest before and after (in JSON).") var neighbors = 0
    @Option(help: "Report shifts towards these cells: an expression over obs.") var toward: String?
    @OptionGroup var perturbation: PerturbationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if genes == nil, anchor == nil, pairs == nil {
            throw ValidationError("--genes: give all, G,G or @FILE (or --anchor, or --pairs)")
        }
        if genes != nil, pairs != nil { throw ValidationError("--genes and --pairs both name genes: give one") }
        if let out = perturbation.out, [".npy", ".svg", ".png", ".pdf"].contains(where: out.lowercased().hasSuffix) {
            throw ValidationError("--out \(out): perturbations are written as .tsv, .json, .npz or .h5ad: name it so")
        }
        if affectedGenes, isMatrixFile {
            throw ValidationError("--affected-genes: a matrix of cells has no place for them: write .tsv or .json")
        }
        if neighbors < 0 { throw ValidationError("--neighbors \(neighbors): give a whole number from 0") }
    }

    private var isMatrixFile: Bool {
        [".npz", ".h5ad"].contains { perturbation.out?.lowercased().hasSuffix($0) == true }
    }

    func run() throws {
        var options = PerturbOptions(cells: cells, genes: try genes.flatMap { try geneList($0) })
        options.mode = perturbation.mode
        options.quartiles = perturbation.quartiles
        options.anchor = anchor
        options.sets = try pairs.map(geneSets)
        options.affectedGenes = affectedGenes
        options.neighbors = neighbors
        options.together = together
        options.toward = toward
        options.maximumCells = perturbation.maxCells
        options.seed = perturbation.seed
        options.threads = output.threadCount
        let answer = try perturbation.withControl(
            output, genes: genes ?? pairs ?? "", waitsForSteps: true,
            checkingOut: {
                try $0.lowercased().hasSuffix(".h5ad") ? Database.checkPerturbationExport($0) : OutputFile.check($0)
            }
        ) { control in
            try Database.open(database).perturb(options: options, control: control)
        }
        output.noteUntrained(answer.model)
        let text = PerturbOutput(answer, together: together, hasGoal: toward != nil, affectedGenes: affectedGenes)
        let place: String
        if let out = perturbation.out, isMatrixFile {
            if !answer.results.isEmpty {
                if out.lowercased().hasSuffix(".npz") {
                    try answer.writeNPZ(out)
                } else {
                    // Whoever stopped the computation wants the file.
                    try Database.open(database).exportPerturbations(
                        answer, to: out,
                        control: Control(warning: { text in if !output.quiet { Console.note("warning: \(text)") } }))
                }
            }
            place = answer.results.isEmpty ? "" : ", written to \(out)"
        } else {
            place = try perturbation.answer(
                output, isEmpty: answer.results.isEmpty, json: { text.json }, table: { text.table(isWhole: $0) },
                meanings: answer.isPartial ? [PerturbationOptions.partial] : [])
        }
        if let correlation = answer.positionCorrelation {
            output.summary(
                "without a goal: rank correlation of the effect (1 - similarity) with the gene's place \(decimal(correlation, 2))"
            )
        }
        output.summary(
            "\(counted(answer.results.count, "perturbation")) in \(counted(answer.cells, "cell")): "
                + "\(grouped(answer.forwards)) passes in \(duration(answer.seconds))"
                + (answer.leftOut > 0
                    ? "; \(grouped(answer.leftOut)) left out: without the gene, or without another one" : "")
                + place)
        if answer.isPartial {
            throw EmbDBError(
                .cancelled, "stopped before the end; the rows are of what was done by then: run it again for all")
        }
        if answer.results.isEmpty {
            throw NothingFound(
                message:
                    "none of the genes can be deleted from the \(answer.cells) cells: the model reads none of them "
                    + "there, or no other ones; name other genes")
        }
    }
}
