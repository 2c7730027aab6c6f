internal import ArgumentParser
internal import EmbDB

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Embeddings and obs (.h5ad), embeddings (.npy), obs (.tsv), tokens or neighbors (.npz), or genes to a file.",
        discussion: """
            .h5ad is what Python's anndata and scanpy read: obs with its types, and the embeddings in obsm, as X_embdb, \
            or under the key from which they were imported. It holds no counts.

            --knn writes the nearest cells of every cell, for UMAP and clustering: indices (int64 [cells, K], −1 where \
            there are fewer) and distances (float32); a cell is not among its own. Their order is that of ingestion, in \
            FILE.npz.ids.txt.

            Examples:
              embdb export heart.embdb heart.embeddings.h5ad
              embdb export heart.embdb neighbors.npz --knn 15
              embdb export heart.embdb genes.npy --genes
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Argument(help: "The file to write; its ending says what.", completion: .file()) var file: String
    @Flag(help: "The cells' tokens, to .npz with indptr and tokens.") var tokens = false
    @Flag(help: "Gene embeddings: .npy, or .tsv with gene, gene_id and cells.") var genes = false
    @Option(help: "With --genes: only cells with this value in the grouping column (default: all cells).")
    var group: String?
    @Option(name: .customLong("group-genes-by"), help: "With --genes: obs column whose values are groups.")
    var groupBy: String?
    @Option(help: "The nearest K cells of every cell, to .npz with indices and distances.") var knn: Int?
    @Option(name: .customLong("where"), help: "With --knn: only cells that this expression over obs selects.")
    var filter: String?
    @Option(help: "With --knn: length of the candidate list (default: chosen for recall ≥ 0.99).") var ef: Int?
    @Flag(help: "With --knn: compare all pairs of cells.") var exact = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let isNPZ = file.lowercased().hasSuffix(".npz")
        if let knn {
            guard knn >= 1 else { throw ValidationError("--knn \(knn): give a whole number from 1") }
            if tokens || genes {
                throw ValidationError("--knn is of cells: give it without --\(tokens ? "tokens" : "genes")")
            }
            guard isNPZ else { throw ValidationError("--knn goes with a file that ends in .npz (\(file))") }
            if let ef, ef < 1 { throw ValidationError("--ef \(ef): give a whole number from 1") }
        } else if let option = filter.map({ "--where \($0)" }) ?? ef.map({ "--ef \($0)" }) ?? (exact ? "--exact" : nil)
        {
            throw ValidationError("\(option) goes with --knn")
        }
        guard tokens || knn != nil || !isNPZ else {
            throw ValidationError("the ending .npz says not what to write: give --tokens or --knn K (\(file))")
        }
        guard !tokens || isNPZ else { throw ValidationError("--tokens goes with a file that ends in .npz (\(file))") }
        if genes, tokens { throw ValidationError("--tokens are of cells: give --genes or --tokens") }
        if !genes, let option = group.map({ "--group \($0)" }) ?? groupBy.map({ "--group-genes-by \($0)" }) {
            throw ValidationError("\(option) goes with --genes")
        }
        let endings = genes ? [".npy", ".tsv"] : [".h5ad", ".npy", ".tsv"]
        guard isNPZ || endings.contains(where: file.lowercased().hasSuffix) else {
            throw ValidationError(
                "the ending says what to write: "
                    + (genes ? ".npy or .tsv with --genes" : ".h5ad, .npy, .tsv, or .npz with --tokens or --knn")
                    + " (\(file))")
        }
    }

    func run() throws {
        if genes { return try exportGenes() }
        let cells = try output.withControl { control in
            let database = try Database.open(database)
            if let knn {
                var options = NeighborGraphOptions()
                options.k = knn
                options.filter = filter
                options.ef = ef
                options.exact = exact
                options.threads = output.threadCount
                return try database.exportNeighborGraph(to: file, options: options, control: control)
            }
            if tokens { return try database.exportTokens(to: file, control: control) }
            if file.lowercased().hasSuffix(".h5ad") { return try database.exportH5AD(to: file, control: control) }
            if file.lowercased().hasSuffix(".npy") { return try database.exportEmbeddings(to: file, control: control) }
            return try database.exportObs(to: file, control: control)
        }
        report(cells, "cell")
    }

    /// The answer is the file; programs are told what is in it.
    private func report(_ count: Int, _ what: String) {
        if output.format != .table {
            var table = TextTable([.id("file"), .number(what + "s")])
            table.add([.text(file), .integer(count)])
            output.print(json: .object([("file", .string(file)), (what + "s", .integer(count))]), table: table)
        }
        output.summary("\(counted(count, what)) written to \(file)")
    }

    private func exportGenes() throws {
        var options = GeneOptions()
        options.groupBy = groupBy
        options.group = group
        options.threads = output.threadCount
        let count = try output.withControl { control in
            let database = try Database.openToKeep(database)
            return file.lowercased().hasSuffix(".npy")
                ? try database.exportGeneEmbeddings(to: file, options: options, control: control)
                : try database.exportGeneTable(to: file, options: options, control: control)
        }
        report(count, "gene")
    }
}
