import Foundation
import TestSupport

/// A database, a model, and the files that ``WrongInput`` calls `made/NAME`.
struct WrongInputFiles {
    let bench: Workbench
    private var folder: String { bench.file("made") }

    init() throws {
        bench = try Workbench.filled()
        try makeFolder("")
        try makeFiles()
        try makeModels()
        try makeDatabases()
        try makeOutputs()
    }

    /// An argument with its place filled in.
    func argument(_ text: String, new: String) -> String {
        switch text {
        case "DB": return bench.database
        case "DB-lock": return bench.database + "-lock"
        case "NEW": return new
        case "MODEL": return bench.model
        case "BRACKETS":
            return String(repeating: "(", count: 10_000) + "age > 3" + String(repeating: ")", count: 10_000)
        default: break
        }
        if text.hasPrefix("fix:") { return Workbench.fixture(String(text.dropFirst(4))) }
        if text.hasPrefix("wrong/") { return "\(Workbench.fixtures)/\(text)" }
        if text.hasPrefix("made/") { return "\(folder)/\(text.dropFirst(5))" }
        if text.hasPrefix("@made/") { return "@\(folder)/\(text.dropFirst(6))" }
        return text
    }

    private func put(_ name: String, _ bytes: Data) throws {
        try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private func put(_ name: String, _ text: String) throws { try put(name, Data(text.utf8)) }

    private func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }

    private func fixture(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(Workbench.fixtures)/\(name)"))
    }

    private func makeFiles() throws {
        for name in ["folder", "cells.zarr"] { try makeFolder(name) }
        try put("empty.h5ad", Data())
        try put("text.h5ad", String(repeating: "cells, genes\n", count: 900))
        try put(
            "picture.h5ad", Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + [UInt8](repeating: 7, count: 9000)))
        try put(
            "pointer.h5ad",
            "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0a", count: 32))\nsize 9000\n")
        // What R's saveRDS writes: gzip.
        try put("cells.rds", Data([0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 5, count: 900)))
        let whole = try fixture("more.h5ad")
        try put("counts.h5ad", whole)
        try put("cut100.h5ad", whole.prefix(100))
        for share in [10, 50, 90] { try put("cut\(share).h5ad", whole.prefix(whole.count * share / 100)) }
        try put("cutlast.h5ad", whole.dropLast())
        for seed in 1...3 {
            var (bytes, state) = (whole, UInt64(seed))
            for _ in 0..<400 {
                // Knuth's constants for a linear congruential generator.
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] ^= UInt8(1 << (state >> 60 & 7))
            }
            try put("flipped\(seed).h5ad", bytes)
        }
        let vectors = NumPyFile.bytes([[1, 2, 3], [4, 5, 6]])
        try put("vectors.npy", vectors)
        try put("vectors.tsv", vectors)
        try put("genes.txt", Data("TTN\n".utf8))
        try put("cut.npy", vectors.dropLast(5))
    }

    /// A copy of the bench's model folder (a seed instead of weights) to be spoiled.
    private func makeModel(_ name: String, config: String? = nil, weights: [String: Data] = [:]) throws {
        try makeFolder(name)
        let good = try String(contentsOfFile: bench.model + "/config.json", encoding: .utf8)
        let plain = weights.isEmpty ? good : good.replacing(/, "embdb_seed": \d+/, with: "")
        try put("\(name)/config.json", config ?? plain)
        try put("\(name)/vocabulary.tsv", try fixture("vocabulary.tsv"))
        for (file, bytes) in weights { try put("\(name)/\(file)", bytes) }
    }

    private func makeModels() throws {
        try Workbench.write(.init(seed: 2), to: "\(folder)/other")
        let good = try String(contentsOfFile: bench.model + "/config.json", encoding: .utf8)
        try makeModel("nojson", config: "{\"model_type\": \"bert\",")
        try makeModel("wrongtype", config: good.replacing("\"hidden_size\": 32", with: "\"hidden_size\": \"wide\""))
        try makeModel("gpt", config: good.replacing("\"bert\"", with: "\"gpt2\""))
        try makeModel(
            "absurd", config: good.replacing("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 4000000000"))
        try makeModel("noweights", config: good.replacing(/, "embdb_seed": \d+/, with: ""))
        try makeModel("fewtokens", config: good.replacing(/"vocab_size": \d+/, with: "\"vocab_size\": 100"))
        try makeFolder("alone/novocabulary")
        try put("alone/novocabulary/config.json", good)
        try makeFolder("scgpt")
        for file in ["args.json", "vocab.json", "best_model.pt"] { try put("scgpt/\(file)", "{}") }
        func safetensors(_ length: UInt64, _ header: String, _ rest: Int = 0) -> [String: Data] {
            let start = withUnsafeBytes(of: length.littleEndian) { Data($0) }
            return ["model.safetensors": start + Data(header.utf8) + Data(count: rest)]
        }
        try makeModel("header", weights: safetensors(1 << 63, "{}", 100))
        try makeModel("cuttensors", weights: safetensors(4000, "{\"a\":{\"dtype\":\"F32\",\"sha"))
        try makeModel("fewbytes", weights: ["model.safetensors": Data([1, 2, 3])])
        let one = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
        try makeModel("missing", weights: safetensors(UInt64(one.utf8.count), one, 4))
        for (name, file) in [
            ("command", "command.bin"), ("bare", "bare_pickle.bin"), ("outside", "outside.bin"),
            ("nopickle", "no_pickle.bin"), ("zipbomb", "bomb.bin"),
        ] {
            try makeModel(name, weights: ["pytorch_model.bin": try fixture("wrong/\(file)")])
        }
        try makeFolder("alone/dictionary")
        try put("alone/dictionary/config.json", good)
        for name in ["token_dictionary.pkl", "gene_median_dictionary.pkl"] {
            try put("alone/dictionary/\(name)", try fixture("wrong/bare_pickle.bin"))
        }
    }

    private func makeDatabases() throws {
        try put("empty.embdb", Data())
        try put("other.lmdb", try fixture("wrong/other.lmdb"))
        try put("text.embdb", String(repeating: "no database\n", count: 5000))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        try put("half.embdb", bytes.prefix(bytes.count / 2))
        // The record `format` of the table `meta`, in every page that ever held it.
        let (old, new) = (Data("format".utf8) + [1, 0, 0, 0], Data("format".utf8) + [2, 0, 0, 0])
        while let place = bytes.range(of: old) { bytes.replaceSubrange(place, with: new) }
        try put("newer.embdb", bytes)
    }

    private func makeOutputs() throws {
        try makeFolder("folder.npy")
        for name in ["full", "full.npy", "full.tsv", "full.npz"] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "/dev/full")
        }
    }
}
