internal import ArgumentParser
internal import EmbDB

struct Nearest: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Nearest cells to stored cells, changed cells, cells of a file or vectors.",
        discussion: """
            Example:
              embdb nearest heart.embdb --cell AAACCTG-1 --delete GATA4 \\
                -k 5 --where 'cell_type == "fibroblast"'

            With --file the queries are the file's cells, embedded as ingest would, but not stored; --cell and --cells \
            then choose among them. A cell that is in the database too may find itself.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "A file (.h5ad, .loom, 10x .h5 or mtx folder) whose cells are the queries.", completion: .file())
    var file: String?
    @Option(name: .customLong("cell"), help: "Id of a query cell; may be given several times.") var cellIDs: [String] =
        []
    @Option(name: .customLong("cells"), help: "Expression over obs; each cell that it selects is a query.")
    var selection: String?
    @Option(help: "Vectors from an .npy file, one a row.", completion: .npy) var vector: String?
    @Option(help: "Genes to delete from the query cells first, separated by commas.") var delete: String?
    @Option(help: "Genes to move to the front of the query cells first, separated by commas.") var overexpress: String?
    @Option(name: .customShort("k"), help: "Neighbors a query.") var k = 10
    @Option(name: .customLong("where"), help: "Expression over obs: who may be a neighbor.") var filter: String?
    @Option(help: "Cells with the query's own value in this obs column are no neighbors.") var excludeSame: String?
    @Option(help: "At most so many neighbors of a query with the same value of --per.") var atMost: Int?
    @Option(help: "The obs column of --at-most, e.g. donor_id; cells without a value there are not limited.")
    var per: String?
    @Option(help: "Length of the candidate list (default: chosen for recall ≥ 0.99).") var ef: Int?
    @Flag(help: "Compare every vector.") var exact = false
    @Flag(help: "One query: the mean of the queries' embeddings.") var centroid = false
    @Option(parsing: .unconditional, help: "Neighbors farther away are left out.") var maxDistance: Float?
    @Flag(help: "Print the neighbors' ids alone, one a line.") var idsOnly = false
    @OptionGroup var reading: QueryFileOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard k >= 1 else { throw ValidationError("-k \(k): give a whole number from 1") }
        if let ef, ef < 1 { throw ValidationError("--ef \(ef): give a whole number from 1") }
        let ways = (cellIDs.isEmpty ? 0 : 1) + (selection == nil ? 0 : 1) + (vector == nil ? 0 : 1)
        guard ways == 1 || (ways == 0 && file != nil), file == nil || vector == nil else {
            throw ValidationError(
                "give the query in one way: --cell ID, --cells EXPRESSION, --file FILE (with --cell or --cells to choose "
                    + "among its cells) or --vector FILE.npy")
        }
        if file == nil, let option = reading.given {
            throw ValidationError("\(option) says how a file is read: give --file, or leave it out")
        }
        if vector != nil, delete != nil || overexpress != nil {
            throw ValidationError(
                "--delete and --overexpress change stored cells: give --cell or --cells, not --vector")
        }
        for (name, genes) in [("--delete", delete), ("--overexpress", overexpress)] where genes != nil {
            guard !list(genes).isEmpty else { throw ValidationError("\(name): name at least one gene") }
        }
        if vector != nil, excludeSame != nil {
            throw ValidationError("--exclude-same compares a stored cell's obs: give --cell or --cells, not --vector")
        }
        if let atMost, atMost < 1 { throw ValidationError("--at-most \(atMost): give a whole number from 1") }
        if (atMost == nil) != (per == nil) {
            throw ValidationError(
                (atMost.map { "--at-most \($0) says not of what" } ?? "--per \(per ?? "") says not how many")
                    + ": give --at-most N and --per COLUMN together")
        }
        if let maxDistance, maxDistance.isNaN { throw ValidationError("--max-distance: give a number") }
    }

    func run() throws {
        var options = NearestOptions()
        options.k = k
        options.edit = GeneEdit(delete: list(delete), overexpress: list(overexpress))
        options.filter = filter
        options.excludeSame = excludeSame
        if let atMost, let per { options.limit = .init(atMost: atMost, per: per) }
        options.maximumDistance = maxDistance
        options.ef = ef
        options.exact = exact
        options.centroid = centroid
        options.threads = output.threadCount
        let query: NearestQuery =
            if let file {
                .file(queryFile(file))
            } else if let vector {
                .vectors(try NPYFile.readVectors(vector))
            } else if let selection {
                .selection(selection)
            } else {
                .cells(cellIDs)
            }
        let answer = try output.withControl { control in
            try Database.open(database).nearest(query, options: options, control: control)
        }
        output.noteUntrained(answer.model)
        if idsOnly {
            for cell in answer.queries.flatMap(\.neighbors) { Console.answer(cell.cell) }
        } else {
            output.print(json: json(answer), table: table(answer))
        }
        output.summary(
            "\(counted(answer.queries.reduce(0) { $0 + $1.neighbors.count }, "neighbor")) of "
                + "\(answer.queries.count == 1 ? "1 query" : "\(grouped(answer.queries.count)) queries")"
                + " (\(answer.search.method), \(counted(answer.search.candidates, "vector")) compared)")
        if answer.queries.allSatisfy(\.neighbors.isEmpty) {
            throw NothingFound(
                message: "no cell may be a neighbor (--where, --exclude-same or --max-distance leave none): widen them")
        }
    }

    private func queryFile(_ path: String) -> QueryFile {
        var file = reading.file(path)
        file.cells = cellIDs
        file.filter = selection
        return file
    }

    private func json(_ answer: NearestAnswer) -> JSON {
        let queries = answer.queries.map { query in
            JSON.object([
                ("query", .string(query.name)),
                (
                    "perturbation",
                    query.perturbation.map { edit in
                        .object([
                            ("delete", .array(edit.delete.map(JSON.string))),
                            ("overexpress", .array(edit.overexpress.map(JSON.string))),
                        ])
                    } ?? .null
                ),
                ("neighbors", .array(query.neighbors.map(neighbor))),
            ])
        }
        return .object([
            ("queries", .array(queries)),
            (
                "search",
                .object([
                    ("k", .integer(answer.search.k)), ("ef", JSON(answer.search.ef)),
                    ("exact", .bool(answer.search.exact)), ("candidates", .integer(answer.search.candidates)),
                    ("method", .string(answer.search.method)),
                ])
            ),
        ])
    }

    private func neighbor(_ cell: NearestCell) -> JSON {
        .object([
            ("rank", .integer(cell.rank)), ("cell", .string(cell.cell)), ("similarity", JSON(cell.similarity)),
            ("distance", JSON(cell.distance)), ("obs", .object(cell.obs.map { ($0.name, $0.value.json) })),
        ])
    }

    private func table(_ answer: NearestAnswer) -> TextTable {
        // A terminal shows what tells cells apart; --format tsv and json show every column.
        let names = answer.queries.lazy.flatMap(\.neighbors).first?.obs.map(\.name) ?? []
        let shown = output.format == .table ? Set(distinctive(names, answer)) : Set(names)
        var table = TextTable(
            [.reminder("query"), .number("rank"), .id("cell"), .number("similarity"), .number("distance")]
                + names.filter(shown.contains).map { .text($0) })
        for query in answer.queries {
            for cell in query.neighbors {
                table.add(
                    [
                        .text(query.name), .integer(cell.rank), .text(cell.cell),
                        cell.similarity.map { .decimal(shortest($0), 6) } ?? .none,
                        .decimal(shortest(cell.distance), 6),
                    ] + cell.obs.filter { shown.contains($0.name) }.map { .text($0.value.description) })
            }
        }
        return table
    }

    /// The columns that a person looks for, as far as they exist; else the first ones that hold text.
    private func distinctive(_ names: [String], _ answer: NearestAnswer) -> [String] {
        let wanted = [
            "cell_type", "cell_type_derived", "cell_type_transferred", "celltype", "cell_state", "disease", "condition",
            "perturbation", "donor_id", "donor", "tissue",
        ]
        let usual = wanted.filter(names.contains).prefix(4)
        if !usual.isEmpty { return Array(usual) }
        let first = answer.queries.lazy.flatMap(\.neighbors).first
        return (first?.obs ?? []).filter { if case .text = $0.value { true } else { false } }.prefix(3).map(\.name)
    }
}

/// The parts of a list separated by commas, without blanks.
func list(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }
        .map { part in String(part.reversed().drop(while: \.isWhitespace).reversed()) }.filter { !$0.isEmpty }
}

extension ObsValue {
    var json: JSON {
        switch self {
        case .missing: .null
        case .text(let text): .string(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .boolean(let value): .bool(value)
        }
    }
}
