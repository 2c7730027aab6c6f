internal import ArgumentParser
internal import EmbDB

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Embeddings (.npy), obs (.tsv) or tokens (.npz) to a file.",
        discussion: "Example: embdb export heart.embdb heart.npy")

    @Argument(help: "The database file.", completion: .database) var database: String
    @Argument(help: "The file to write; its ending says what.", completion: .file()) var file: String
    @Flag(help: "The cells' tokens, to .npz with indptr and tokens.") var tokens = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let isNPZ = file.lowercased().hasSuffix(".npz")
        guard tokens == isNPZ else {
            throw ValidationError("--tokens goes with a file that ends in .npz (\(file))")
        }
        guard isNPZ || file.lowercased().hasSuffix(".npy") || file.lowercased().hasSuffix(".tsv") else {
            throw ValidationError("the ending says what to write: .npy, .tsv, or .npz with --tokens (\(file))")
        }
    }

    func run() throws {
        let cells = try output.withControl { control in
            let database = try Database.open(database)
            if tokens { return try database.exportTokens(to: file, control: control) }
            if file.lowercased().hasSuffix(".npy") { return try database.exportEmbeddings(to: file, control: control) }
            return try database.exportObs(to: file, control: control)
        }
        output.summary("\(counted(cells, "cell")) written to \(file)")
    }
}
