import Foundation
import TestSupport
import Testing

/// Real files with a model of Geneformer V1-10M's shape (seeded weights) over its real dictionaries.
@Suite(.serialized)
struct RealDataTests {
    struct RealFile: CustomTestStringConvertible {
        let path: String
        let layer: String
        /// The golden tokens of all of its cells, where there are any.
        var golden: String?
        var testDescription: String { path }

        static let all = [
            RealFile(path: "data/pbmc3k/pbmc3k_raw.h5ad", layer: "X", golden: "pbmc3k_raw"),
            RealFile(path: "data/kang_ifnb_pbmc/kang_ifnb_ctrl_stim_2000.h5ad", layer: "X"),
            RealFile(path: "data/heart_san_multiome/heart_san_1000.h5ad", layer: "X", golden: "heart_san_1000"),
            RealFile(path: "data/scgpt/scimilarity_test.h5ad", layer: "layers/counts"),
        ]
        static let areThere = all.allSatisfy { SharedData.has($0.path) } && SharedData.has("data/geneformer/gc30M")
    }

    /// Cells of each file.
    private static let sample = ProcessInfo.processInfo.environment["EMBDB_SLOW_TESTS"] == nil ? 12 : 50

    private func writeModel(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try """
        {"model_type": "bert", "vocab_size": 25426, "hidden_size": 256, "num_hidden_layers": 6,
         "num_attention_heads": 4, "intermediate_size": 512, "hidden_act": "relu",
         "max_position_embeddings": 2048, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
         "embdb_seed": 1}
        """.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
    }

    @Test(
        "a sample is ingested and answered from, and its tokens are those of the original tokenizer",
        .enabled(if: RealFile.areThere, "skipped: ../shared/data is not there"),
        arguments: RealFile.all)
    func ingest(file: RealFile) throws {
        let folder = try TemporaryFolder()
        let database = folder.file("real.embdb")
        try writeModel(folder.file("v1-10m"))
        let result = try CommandLineTool.embdb.run(
            [
                "ingest", database, SharedData.path(file.path), "--model", folder.file("v1-10m"), "--dictionaries",
                SharedData.path("data/geneformer/gc30M"), "--sample", "\(Self.sample)", "--format", "json",
            ], timeLimit: 300)
        try #require(result.exitCode == 0, "\(result.stderr)")
        let answer = try result.json()
        #expect(answer["cells_added"].int == Self.sample)
        #expect(answer["layer"].string == file.layer)
        #expect(answer["database"]["dimension"].int == 256)
        #expect((answer["genes_matched"].int ?? 0) > 600)

        let contents = try Contents(database)
        #expect(contents.cells.count == Self.sample)
        let nearest = try CommandLineTool.embdb.run(
            ["nearest", database, "--cell", contents.cells[7], "-k", "5", "--format", "json"])
        #expect(nearest.exitCode == 0, "\(nearest.stderr)")
        #expect(try nearest.json()["queries"][0]["neighbors"].array.count == 5)
        #expect(try CommandLineTool.embdb.run(["verify", database]).exitCode == 0)
        if let golden = file.golden { try compare(contents, with: golden) }
    }

    private static let embeddings = "data/heart_san_multiome/heart_san_1000_transcriptformer_embeddings.h5ad"

    @Test(
        "embeddings of a published transformer: five neighbors name the type of cells that were left out",
        .enabled(if: SharedData.has(embeddings), "skipped: ../shared/data/heart_san_multiome is not there"),
        arguments: ["majority", "distance"])
    func annotate(vote: String) throws {
        let folder = try TemporaryFolder()
        let database = folder.file("half.embdb")
        let file = SharedData.path(Self.embeddings)
        let imported = try CommandLineTool.embdb.run(
            ["import", database, file, "--obsm", "X_transcriptformer", "--sample", "500", "--format", "json"])
        try #require(imported.exitCode == 0, "\(imported.stderr)")
        #expect(try imported.json()["database"]["dimension"].int == 2048)
        for (name, path) in [("half.tsv", database), ("whole.tsv", folder.file("whole.embdb"))] {
            if path != database {
                try CommandLineTool.embdb.run(["import", path, file, "--obsm", "X_transcriptformer"])
            }
            try #require(try CommandLineTool.embdb.run(["export", path, folder.file(name)]).exitCode == 0)
        }
        func types(_ name: String) throws -> [Substring: Substring] {
            let lines = try String(contentsOfFile: folder.file(name), encoding: .utf8).split(separator: "\n")
                .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
            let column = try #require(lines[0].firstIndex(of: "cell_type"))
            return Dictionary(uniqueKeysWithValues: lines.dropFirst().map { ($0[0], $0[column]) })
        }
        let (stored, all) = (try types("half.tsv"), try types("whole.tsv"))
        try #require(stored.count == 500 && all.count == 1000)
        let labels = try CommandLineTool.embdb.run(
            ["annotate", database, file, "--label", "cell_type", "-k", "5", "--vote", vote, "--format", "json"])
        try #require(labels.exitCode == 0, "\(labels.stderr)")
        let left = try labels.json().array.filter { stored[Substring($0["cell"].string ?? "")] == nil }
        #expect(left.count == 500)
        let right = left.count { all[Substring($0["cell"].string ?? "")] == Substring($0["label"].string ?? "") }
        #expect(Double(right) / 500 >= 0.97, "\(right) of 500 cells are labelled as their authors did")
    }

    /// The sampled cells are in the order of the file, so that the checksums of their tokens are a subsequence of those
    /// of all cells; cells are told apart by ids where the golden file names them.
    private func compare(_ contents: Contents, with golden: String) throws {
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: SharedData.path("parity/geneformer-tokens/\(golden).safetensors")))
        let kind = bytes.range(of: Data("\"v1.presummed.crc32\"".utf8)) == nil ? "all" : "presummed"
        let checksums: [UInt32] = try tensor("v1.\(kind).crc32", in: bytes)
        let lengths: [UInt16] = try tensor("v1.\(kind).length", in: bytes)
        let archive = try NumPyFile.archive(contents.tokens)
        let indptr = try #require(try archive["indptr.npy"]?.int64)
        let tokens = try #require(try archive["tokens.npy"]?.uint32)
        var row = 0
        for cell in contents.cells.indices {
            let own = tokens[Int(indptr[cell])..<Int(indptr[cell + 1])]
            let checksum = crc32(own.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
            while row < checksums.count, checksums[row] != checksum || Int(lengths[row]) != own.count { row += 1 }
            try #require(row < checksums.count, "cell \(contents.cells[cell]) has other tokens")
            row += 1
        }
    }

    /// A tensor of a safetensors file: eight bytes with the header's length, a JSON header, the data.
    private func tensor<T: BitwiseCopyable>(_ name: String, in bytes: Data) throws -> [T] {
        let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let header = try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: Any]
        let offsets = try #require((header?[name] as? [String: Any])?["data_offsets"] as? [Int])
        return bytes[(8 + length + offsets[0])..<(8 + length + offsets[1])].withUnsafeBytes { raw in
            (0..<raw.count / MemoryLayout<T>.size).map {
                raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
            }
        }
    }

    /// CRC-32 bit by bit, polynomial 0xEDB88320.
    private func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1) &* 0xEDB8_8320 }
        }
        return ~crc
    }
}
