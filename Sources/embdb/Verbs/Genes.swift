internal import ArgumentParser
internal import EmbDB

struct Genes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Nearest genes, by their mean hidden states.",
        discussion: """
            Example:
              embdb genes heart.embdb --gene TTN -k 5 \\
                --group-genes-by cell_type --group cardiomyocyte

            A gene's embedding is the mean of its hidden states over the cells that have it \
            among what the model reads. Grouping by another column than before passes every \
            cell through the model once.
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(help: "Ensembl id or symbol. Without it, --group-genes-by only prepares the groups.") var gene: String?
    @Option(name: .customShort("k"), help: "Neighbors.") var k = 10
    @Option(help: "Only cells with this value in the grouping column (default: all cells).") var group: String?
    @Option(name: .customLong("group-genes-by"), help: "obs column whose values are groups (default: as it is).")
    var groupBy: String?
    @Option(help: "Genes in fewer cells (of the group) are no neighbors.") var minCells = 1
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for (name, value) in [("-k", k), ("--min-cells", minCells)] where value < 1 {
            throw ValidationError("\(name) \(value): give a whole number from 1")
        }
        guard gene != nil || groupBy != nil else {
            throw ValidationError("give --gene GENE, or --group-genes-by COLUMN to prepare groups")
        }
        if gene == nil, group != nil { throw ValidationError("--group \(group ?? ""): give --gene GENE as well") }
    }

    func run() throws {
        guard let gene else { return try prepare() }
        var options = GeneOptions()
        options.groupBy = groupBy
        options.group = group
        options.k = k
        options.minimumCells = minCells
        options.threads = output.threadCount
        let answer = try output.withControl { control in
            try Database.openToKeep(database).nearestGenes(to: gene, options: options, control: control)
        }
        output.noteUntrained(answer.model)
        output.summary(
            "\(answer.gene): mean over \(counted(answer.cells, "cell"))" + (answer.group.map { " of \($0)" } ?? ""))
        output.print(json: json(answer), table: table(answer))
        if answer.neighbors.isEmpty {
            throw NothingFound(message: "no other gene is in \(minCells) or more of the cells: lower --min-cells")
        }
    }

    private func prepare() throws {
        let info = try output.withControl { control in
            try Database.open(database, access: .readWrite).groupGenes(
                by: groupBy ?? "", threads: output.threadCount, control: control)
        }
        guard let info else { throw NothingFound(message: "there are no gene embeddings (\(database))") }
        var table = TextTable([.id("group"), .number("cells"), .number("genes")])
        for group in info.groups { table.add([.text(group.value), .integer(group.cells), .integer(group.genes)]) }
        output.print(json: info.json, table: table)
        output.summary("gene embeddings of \(counted(info.cells, "cell")), grouped by \(info.groupedBy ?? "")")
    }

    private func json(_ answer: NearestGenes) -> JSON {
        .object([
            ("gene", .string(answer.gene)), ("gene_id", .string(answer.geneID)), ("group", JSON(answer.group)),
            (
                "neighbors",
                .array(
                    answer.neighbors.map { neighbor in
                        .object([
                            ("rank", .integer(neighbor.rank)), ("gene", .string(neighbor.gene)),
                            ("gene_id", .string(neighbor.geneID)), ("similarity", .number(neighbor.similarity)),
                            ("cells", .integer(neighbor.cells)),
                        ])
                    })
            ),
        ])
    }

    private func table(_ answer: NearestGenes) -> TextTable {
        var table = TextTable([
            .number("rank"), .id("gene"), .id("gene_id"), .number("similarity"), .number("cells"),
        ])
        for neighbor in answer.neighbors {
            table.add([
                .integer(neighbor.rank), .text(neighbor.gene), .text(neighbor.geneID),
                .decimal(neighbor.similarity, 6), .integer(neighbor.cells),
            ])
        }
        return table
    }
}

extension GeneEmbeddingsInfo {
    var json: JSON {
        .object([
            ("genes", .integer(genes)), ("cells", .integer(cells)), ("outdated", .integer(outdated)),
            ("grouped_by", JSON(groupedBy)),
            (
                "groups",
                .array(
                    groups.map {
                        .object([
                            ("group", .string($0.value)), ("cells", .integer($0.cells)), ("genes", .integer($0.genes)),
                        ])
                    })
            ),
        ])
    }

    /// "20,326 genes over 1,000 cells, 8 groups by cell_type".
    var text: String {
        "\(counted(genes, "gene")) over \(counted(cells, "cell"))"
            + (groupedBy.map { ", \(counted(groups.count, "group")) by \($0)" } ?? "")
            + (outdated > 0 ? ", \(counted(outdated, "cell")) not up to date" : "")
    }
}

extension Database {
    /// Open for writing, so that what is computed is kept; for reading only where it cannot be written.
    static func openToKeep(_ path: String) throws -> Database {
        do {
            return try open(path, access: .readWrite)
        } catch {
            return try open(path)
        }
    }
}
