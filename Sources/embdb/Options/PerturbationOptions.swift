public import ArgumentParser
public import EmbDB

/// What the verbs that perturb genes take alike.
struct PerturbationOptions: ParsableArguments {
    @Option(help: "delete, overexpress (to the front), inhibit or activate (by --quartiles).")
    var mode = KnockoutOptions.Mode.delete
    @Option(help: "By how many quartiles of a cell's genes inhibit and activate move a gene: 1, 2 or 3.")
    var quartiles = 1
    @Option(help: "At most so many of the perturbed cells, drawn by --seed (default: all).") var maxCells: Int?
    @Option(help: "Seed of --max-cells.") var seed: UInt64 = 0
    @Option(help: "Write the answer to this file instead of stdout.", completion: .file()) var out: String?

    func validate() throws {
        if !(1...3).contains(quartiles) { throw ValidationError("--quartiles \(quartiles): give 1, 2 or 3") }
        if let maxCells, maxCells < 1 { throw ValidationError("--max-cells \(maxCells): give a whole number from 1") }
    }

    /// Runs `body`, which may take long, after a look at whether its answer can be written.
    ///
    /// - Parameters:
    ///   - genes: as `--genes` has them; a file of them is not to be written over.
    ///   - waitsForSteps: see `OutputOptions.withControl`.
    ///   - check: whether the answer can be written there.
    func withControl<R>(
        _ output: OutputOptions, genes: String, waitsForSteps: Bool = false,
        checkingOut check: (String) throws -> Void = { try OutputFile.check($0) }, _ body: (Control) throws -> R
    ) throws -> R {
        if let out {
            guard !genes.hasPrefix("@") || !OutputFile.isSamePlace(String(genes.dropFirst()), out) else {
                throw EmbDBError(.usage, "--out \(out): the file to write is the list of genes: name another")
            }
            try check(out)
        }
        return try output.withControl(waitsForSteps: waitsForSteps, body)
    }

    /// Among the meanings of columns, for a file that is not all of the answer.
    static let partial = (column: "partial", meaning: "stopped before the end, this is what was done by then")

    /// The answer, to `--out` (as its ending or --format says) or on stdout. One that is empty takes no file's place.
    ///
    /// - Parameters:
    ///   - table: whether it is with the columns that a terminal does not need.
    ///   - meanings: of columns, for lines with a # above the table of a file.
    ///   - svg: a picture, if there is one.
    /// - Returns: where it was written to, for the summary.
    func answer(
        _ output: OutputOptions, isEmpty: Bool, json: () -> JSON, table: (_ isWhole: Bool) -> TextTable,
        meanings: [(column: String, meaning: String)] = [], svg: (() -> String)? = nil
    ) throws -> String {
        guard let out else {
            output.print(json: json(), table: table(output.format == .tsv))
            return ""
        }
        if isEmpty { return "" }
        let isJSON = output.format == .json || (output.format == .table && out.hasSuffix(".json"))
        var file = try OutputFile(out)
        if let svg, out.lowercased().hasSuffix(".svg") {
            try file.write(svg())
        } else if isJSON {
            try file.write(json().text + "\n")
        } else {
            let comments = meanings.map { "# \($0.column): \($0.meaning)\n" }.joined()
            try file.write(comments + table(true).tsv + "\n")
        }
        try file.finish()
        return ", written to \(out)"
    }
}

extension KnockoutOptions.Mode: ExpressibleByArgument {}
extension KnockoutOptions.Screen: ExpressibleByArgument {}
extension KnockoutOptions.Baseline: ExpressibleByArgument {}
