import EmbDB
import Foundation
import TestSupport

/// Files that Tools/make_library_fixtures.py wrote.
enum Fixture {
    /// 48 cells, one without a known gene; obs of every kind; genes by Ensembl id.
    static let small = path("small.h5ad")
    /// 30 cells, 12 of them with ids that are in `small`; genes by symbol; other obs columns.
    static let other = path("other.h5ad")
    /// 4 cells whose `n_genes` is text.
    static let typed = path("typed.h5ad")
    /// 4 cells whose `n_genes` are 25.0, missing, 25.5 and −0.0.
    static let floats = path("floats.h5ad")
    /// 260 cells; row 200 of layers/broken holds 1.5.
    static let broken = path("broken.h5ad")
    /// 2,500 cells whose `part` is one (1,200), tail (200) or two (1,100).
    static let large = path("large.h5ad")
    /// 201 cells; `well` has 201 values, `plate` 200.
    static let groups = path("groups.h5ad")
    /// 250 cells of donors d1 … d6: `state` is healthy (120), sick (120), rare (3) or missing (7), `chance` the same dealt
    /// out anew; `flag` and `stage` (9, 10) say whether a cell is healthy; genes of even number are much expressed.
    static let labelled = path("labelled.h5ad")

    /// 120 cells without counts; embeddings in obsm: X_full, X_other (its rows turned round), X_short (5 columns), and
    /// broken ones.
    static let vectors = path("vectors.h5ad")
    /// 2,600 cells without counts, with X_full in obsm.
    static let long = path("long.h5ad")

    /// X_full of `vectors` (but v101, which has v100's) and `long`.
    static func embedding(row: Int) -> [Float] {
        (0..<12).map { column in Float(((row + 1) * (column + 3) * 31 + row * row) % 101 - 50) / 8 }
    }

    private static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
    }
}

/// A tiny untrained model over the fixtures' genes, as a folder.
struct TinyModel {
    static let genes = 60
    static let hidden = 16
    static let seed: UInt64 = 7

    var isV2 = false
    var seed = Self.seed

    var specials: [String] { isV2 ? ["<pad>", "<mask>", "<cls>", "<eos>"] : ["<pad>", "<mask>"] }
    var vocabularySize: Int { specials.count + Self.genes }
    /// Short, so that some cells are cut.
    var maximumLength: Int { isV2 ? 26 : 24 }

    var config: [String: Any] {
        [
            "model_type": "bert", "vocab_size": vocabularySize, "hidden_size": Self.hidden, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "relu",
            "max_position_embeddings": maximumLength, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
            "pad_token_id": 0, "embdb_seed": Int(seed),
        ]
    }

    /// Genes ENSG00000000001 … as tokens behind the special ones.
    var vocabulary: String {
        var text = "token\tensembl_id\tsymbol\tnonzero_median\n"
        for (token, name) in specials.enumerated() { text += "\(token)\t\(name)\t\t\n" }
        for gene in 1...Self.genes {
            let id = "ENSG" + String(repeating: "0", count: 11 - String(gene).count) + String(gene)
            text += "\(specials.count + gene - 1)\t\(id)\tGENE\(gene)\t\(1 + Double(gene % 7) / 4)\n"
        }
        return text
    }

    func write(to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: path + "/config.json"))
        try vocabulary.write(toFile: path + "/vocabulary.tsv", atomically: true, encoding: .utf8)
    }
}

/// A folder with a tiny model in it, where a test makes its databases.
struct Workspace {
    let folder: TemporaryFolder
    let tiny: TinyModel
    let model: String

    init(isV2: Bool = false, seed: UInt64 = TinyModel.seed) throws {
        folder = try TemporaryFolder()
        tiny = TinyModel(isV2: isV2, seed: seed)
        model = folder.file("model")
        try tiny.write(to: model)
    }

    func path(_ name: String) -> String { folder.file(name) }

    func database(_ name: String = "test.embdb") throws -> Database { try Database.open(path(name), access: .create) }

    func options(_ change: (inout IngestOptions) -> Void = { _ in }) -> IngestOptions {
        var options = IngestOptions()
        options.model = model
        change(&options)
        return options
    }

    /// A new database with `files` in it.
    func ingested(
        _ files: [String], name: String = "test.embdb", _ change: (inout IngestOptions) -> Void = { _ in }
    ) throws -> Database {
        let database = try database(name)
        _ = try database.ingest(files, options: options(change))
        return database
    }

    /// A folder as Cell Ranger 3 writes it: of every cell the genes that it has with their counts, genes by their place in
    /// `genes`.
    func matrixFolder(_ name: String, genes: [String], cells: [[(gene: Int, count: Int)]]) throws -> String {
        let entries = cells.enumerated().flatMap { cell, counts in
            counts.map { "\($0.gene + 1) \(cell + 1) \($0.count)" }
        }
        let header = [
            "%%MatrixMarket matrix coordinate integer general", "\(genes.count) \(cells.count) \(entries.count)",
        ]
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
        for (file, lines) in [
            ("features.tsv", genes.map { "\($0)\t\($0)\tGene Expression" }),
            ("barcodes.tsv", cells.indices.map { "cell\($0)" }), ("matrix.mtx", header + entries),
        ] {
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: path(name) + "/" + file, atomically: true, encoding: .utf8)
        }
        return path(name)
    }

    func exports(_ database: Database) throws -> Exports { try Exports(database, in: folder) }

    /// A copy of a database file that nobody writes.
    func copy(_ database: Database, to name: String) throws -> String {
        try FileManager.default.copyItem(atPath: database.path, toPath: path(name))
        return path(name)
    }
}

/// Everything that a database exports: the bytes, to compare databases, and what the files say.
struct Exports: Equatable {
    let bytes: [String: Data]
    let ids: [String]
    let vectors: [[Float]]
    let tokens: [[UInt32]]
    /// A row a cell: column → text.
    let obs: [[String: String]]
    let columns: [String]

    init(_ database: Database, in folder: TemporaryFolder) throws {
        let stem = folder.file(UUID().uuidString)
        _ = try database.exportEmbeddings(to: stem + ".npy")
        _ = try database.exportObs(to: stem + ".tsv")
        _ = try database.exportTokens(to: stem + ".npz")
        let endings = [".npy", ".npy.ids.txt", ".tsv", ".npz"]
        bytes = try Dictionary(
            uniqueKeysWithValues: endings.map { ($0, try Data(contentsOf: URL(fileURLWithPath: stem + $0))) })
        for ending in endings { try FileManager.default.removeItem(atPath: stem + ending) }
        ids = lines(bytes[".npy.ids.txt"])
        let matrix = try NumPyArray(bytes[".npy"] ?? Data())
        vectors = matrix.rows.map { row in row.map { Float($0) } }
        let entries = try StoredZip.entries(bytes[".npz"] ?? Data())
        let indptr = try NumPyArray(entries["indptr.npy"] ?? Data()).values.map { Int($0) }
        let all = try NumPyArray(entries["tokens.npy"] ?? Data()).values.map { UInt32($0) }
        tokens = zip(indptr, indptr.dropFirst()).map { Array(all[$0..<$1]) }
        let table = lines(bytes[".tsv"]).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        columns = table[0]
        obs = table.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(table[0], $0)) }
    }

    static func == (a: Exports, b: Exports) -> Bool { a.bytes == b.bytes }
}

private func lines(_ data: Data?) -> [String] {
    String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n").map(String.init)
}
