import CellTransformer
import Checkpoints
import EmbDB
import Foundation
import Numerics
import TestSupport
import Testing

@Suite("model folders")
struct ModelFolderTests {
    private static let pointer = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
        size 12345

        """

    /// A .safetensors file of f32 tensors.
    static func safetensors(_ tensors: [(name: String, shape: [Int], values: [Float])]) -> Data {
        var header: [String] = []
        var body: [UInt8] = []
        for tensor in tensors {
            let start = body.count
            body += tensor.values.withUnsafeBytes { Array($0) }
            header.append(
                #""\#(tensor.name)":{"dtype":"F32","shape":\#(tensor.shape),"data_offsets":[\#(start),\#(body.count)]}"#
            )
        }
        let text = Array("{\(header.joined(separator: ","))}".utf8)
        return Data(withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + body)
    }

    private static func tensors(_ weights: BertWeights) throws -> [(name: String, shape: [Int], values: [Float])] {
        try weights.tensorNames.map { ($0, weights.shape(of: $0) ?? [], try weights.floats($0)) }
    }

    private static func write(_ data: Data, _ name: String, _ space: Workspace) throws {
        try data.write(to: URL(fileURLWithPath: space.model + "/" + name))
    }

    private static func config(_ space: Workspace, _ change: (inout [String: Any]) -> Void) throws {
        var config = space.tiny.config
        change(&config)
        try write(JSONSerialization.data(withJSONObject: config), "config.json", space)
    }

    /// Warnings of an ingest.
    private static func ingest(_ space: Workspace, _ name: String = "test.embdb") throws -> (
        Exports, DatabaseInfo, [String]
    ) {
        let log = Log()
        let database = try space.database(name)
        _ = try database.ingest([Fixture.small], options: space.options(), control: Control(warning: { log.add($0) }))
        return (try space.exports(database), try database.info(), log.lines)
    }

    private static func fails(
        _ space: Workspace, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let database = try space.database(UUID().uuidString)
        let error = #expect(throws: EmbDBError.self, sourceLocation: sourceLocation) {
            _ = try database.ingest([Fixture.small], options: space.options())
        }
        #expect(error?.code == .model, sourceLocation: sourceLocation)
        for part in parts {
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        }
        #expect(try database.info().pendingIngest == nil, sourceLocation: sourceLocation)
    }

    @Test("weights from a file replace the seed; left-over tensors are warned of by name")
    func safetensors() throws {
        let space = try Workspace()
        let other = BertWeights(try space.configuration(), seed: 99)
        var tensors = try Self.tensors(other)
        try Self.write(Self.safetensors(tensors), "model.safetensors", space)
        let (exports, info, warnings) = try Self.ingest(space)
        #expect(warnings.isEmpty, "\(warnings)")
        #expect(info.summary.model?.isUntrained == false)
        let expected = try CellEmbedder(other, threads: 1).embed(exports.tokens.map { CellInput(tokens: $0) })
        #expect(exports.vectors.flatMap { $0 } == expected.values)

        tensors.append(("surplus.weight", [2], [1, 2]))
        try Self.write(Self.safetensors(tensors), "model.safetensors", space)
        let (same, _, surplus) = try Self.ingest(space, "surplus")
        #expect(same == exports)
        #expect(surplus.count == 1 && surplus[0].contains("surplus.weight") && surplus[0].contains("model.safetensors"))
    }

    @Test("tensors that are missing, of another shape or not finite are named")
    func badTensors() throws {
        let space = try Workspace()
        let tensors = try Self.tensors(space.weights())
        let name = "bert.encoder.layer.1.attention.self.query.weight"
        let index = try #require(tensors.firstIndex { $0.name == name })
        var some = tensors
        some.remove(at: index)
        try Self.write(Self.safetensors(some), "model.safetensors", space)
        try Self.fails(space, "layer.1.attention.self.query.weight", "model.safetensors")
        some = tensors
        some[index].shape = [8, 32]
        try Self.write(Self.safetensors(some), "model.safetensors", space)
        try Self.fails(space, "layer.1.attention.self.query.weight", "model.safetensors")
        some = tensors
        some[index].values[3] = .nan
        try Self.write(Self.safetensors(some), "model.safetensors", space)
        try Self.fails(space, "layer.1.attention.self.query.weight")
        try Self.write(Self.safetensors(tensors).prefix(3000), "model.safetensors", space)
        try Self.fails(space, "model.safetensors")
    }

    @Test("a wrong config.json, wrong dictionaries and Git LFS pointers say what and where")
    func wrongFolders() throws {
        for (change, part) in [
            ({ $0["model_type"] = "gpt2" }, "model_type"), ({ $0["hidden_act"] = "swish" }, "hidden_act"),
            ({ $0["hidden_size"] = 15 }, "hidden_size"), ({ $0["num_hidden_layers"] = nil }, "num_hidden_layers"),
            ({ $0["vocab_size"] = -1 }, "vocab_size"), ({ $0["vocab_size"] = 40 }, "40"),
            ({ $0["embdb_seed"] = nil }, "model.safetensors"),
        ] as [((inout [String: Any]) -> Void, String)] {
            let space = try Workspace()
            try Self.config(space, change)
            try Self.fails(space, part)
        }
        for name in ["config.json", "vocabulary.tsv", "model.safetensors", "pytorch_model.bin"] {
            let space = try Workspace()
            try Self.write(Data(Self.pointer.utf8), name, space)
            try Self.fails(space, name)
        }
        let space = try Workspace()
        try FileManager.default.removeItem(atPath: space.model + "/vocabulary.tsv")
        try Self.fails(space, "--dictionaries")
        try FileManager.default.removeItem(atPath: space.model + "/config.json")
        try Self.fails(space, "no config.json (\(space.model)): give the folder of a model")
    }

    @Test("dictionaries beside the folder and in a folder of their own are found")
    func dictionaries() throws {
        let space = try Workspace()
        let expected = try Self.ingest(space).0
        let elsewhere = space.path("dictionaries")
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: space.model + "/vocabulary.tsv", toPath: elsewhere + "/vocabulary.tsv")
        let named = try space.ingested([Fixture.small], name: "named") { $0.dictionaries = elsewhere }
        #expect(try space.exports(named) == expected)
        try FileManager.default.moveItem(atPath: elsewhere + "/vocabulary.tsv", toPath: space.path("vocabulary.tsv"))
        #expect(try space.exports(space.ingested([Fixture.small], name: "beside")) == expected)
    }

    @Test(
        "the same weights from .safetensors and .bin give the same database, and the original's hidden states",
        .enabled(
            if: SharedData.has("parity/geneformer-tiny/model.safetensors"), "skipped: ../shared/parity is not there"))
    func publishedFormats() throws {
        let space = try Workspace()
        var vocabulary = space.tiny.vocabulary
        for token in 62..<300 { vocabulary += "\(token)\tENSG00009\(100_000 + token)\t\t1\n" }
        var exports: [Exports] = []
        for name in ["model.safetensors", "pytorch_model.bin"] {
            let folder = space.path("from-\(name)")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for file in ["config.json", name] {
                try FileManager.default.copyItem(
                    atPath: SharedData.path("parity/geneformer-tiny/\(file)"), toPath: folder + "/" + file)
            }
            try vocabulary.write(toFile: folder + "/vocabulary.tsv", atomically: true, encoding: .utf8)
            let database = try space.ingested([Fixture.small], name: "db-\(name)") { $0.model = folder }
            #expect(try database.info().summary.model?.isUntrained == false)
            exports.append(try space.exports(database))
        }
        #expect(exports[0] == exports[1])
        let configuration = try BertConfiguration(
            vocabularySize: 300, hiddenSize: 32, layerCount: 3, headCount: 4, feedForwardSize: 64, maximumLength: 128)
        let weights = try BertWeights(
            configuration, from: SafetensorsFile(path: SharedData.path("parity/geneformer-tiny/model.safetensors")))
        let expected = try CellEmbedder(weights, threads: 1).embed(exports[0].tokens.map { CellInput(tokens: $0) })
        #expect(exports[0].vectors.flatMap { $0 } == expected.values)
    }
}
