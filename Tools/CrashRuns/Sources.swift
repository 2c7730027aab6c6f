import Foundation

/// A file of cells, and what an undisturbed ingest into an empty database shows of it.
struct Source {
    let name: String
    let path: String
    let cells: [String: Cell]
}

/// The files that operations bring, and the verbs that this `embdb` has.
struct Sources {
    let counts: [Source]
    let vectors: [Source]
    let model: String
    let verbs: Set<String>

    static let key = "X_model"

    /// Ingests each file once, undisturbed.
    init(fixtures: String, program: Program) throws {
        model = program.folder + "/model"
        try Self.writeModel(to: model, vocabulary: fixtures + "/vocabulary.tsv")
        let help = try program.run(["--help"]).output
        verbs = Set(
            help.split(separator: "\n").filter { $0.hasPrefix("  ") }.compactMap {
                $0.split(separator: " ").first.map(String.init)
            })
        func read(_ name: String, _ arguments: [String], hasTokens: Bool) throws -> Source {
            let path = "\(fixtures)/\(name).h5ad"
            let database = program.folder + "/\(name).embdb"
            let result = try program.run([arguments[0], database, path, "--quiet"] + arguments.dropFirst())
            guard result.exitCode == 0 else { throw Loss("\(name) cannot be read: \(result.lastLine)") }
            return Source(name: name, path: path, cells: try Contents(database, program, hasTokens: hasTokens).cells())
        }
        let model = model
        counts = try ["cells", "more", "changed"].map { try read($0, ["ingest", "--model", model], hasTokens: true) }
        vectors = try ["embedded", "many_embedded"].map {
            try read($0, ["import", "--obsm", Self.key], hasTokens: false)
        }
    }

    /// A model with seeded weights over the fixtures' genes: small, since what it computes is of no account here.
    private static func writeModel(to path: String, vocabulary: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let text = try String(contentsOfFile: vocabulary, encoding: .utf8)
        try text.write(toFile: path + "/vocabulary.tsv", atomically: true, encoding: .utf8)
        let config = """
            {"model_type": "bert", "vocab_size": \(text.split(separator: "\n").count - 1), "hidden_size": 16,
             "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "relu",
             "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
             "embdb_seed": 1}
            """
        try config.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
    }
}
