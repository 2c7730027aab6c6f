internal import ArgumentParser
internal import EmbDB

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Embeddings and obs (.h5ad), embeddings (.npy), obs (.tsv) or tokens (.npz) to a file.",
        discussion: """
            .h5ad is what Python's anndata and scanpy read: obs with its types, and the embeddings in obsm, as X_embdb, \
            or under the key from which they were imported. It holds no counts.

            Example: embdb export heart.embdb heart.h5ad
            """)

    @Argument(help: "The database file.") var database: String
    @Argument(help: "The file to write; its ending says what.") var file: String
    @Flag(help: "The cells' tokens, to .npz with indptr and tokens.") var tokens = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let isNPZ = file.lowercased().hasSuffix(".npz")
        guard tokens == isNPZ else {
            throw ValidationError("--tokens goes with a file that ends in .npz (\(file))")
        }
        guard isNPZ || [".h5ad", ".npy", ".tsv"].contains(where: file.lowercased().hasSuffix) else {
            throw ValidationError("the ending says what to write: .h5ad, .npy, .tsv, or .npz with --tokens (\(file))")
        }
    }

    func run() throws {
        let cells = try output.withControl { control in
            let database = try Database.open(database)
            if tokens { return try database.exportTokens(to: file, control: control) }
            if file.lowercased().hasSuffix(".h5ad") { return try database.exportH5AD(to: file, control: control) }
            if file.lowercased().hasSuffix(".npy") { return try database.exportEmbeddings(to: file, control: control) }
            return try database.exportObs(to: file, control: control)
        }
        output.summary("\(cells) cells written to \(file)")
    }
}
