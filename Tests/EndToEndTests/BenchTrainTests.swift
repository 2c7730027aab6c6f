import Foundation
import TestSupport
import Testing

/// `embdb bench train`. That its losses are PyTorch's, Tools/Benchmarks/train-peers shows.
@Suite(.serialized)
struct BenchTrainTests {
    private let folder: TemporaryFolder
    private static let vocabulary: Int32 = 50

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.file("model"), withIntermediateDirectories: true)
        try """
        {"model_type": "bert", "vocab_size": \(Self.vocabulary), "hidden_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "relu", "max_position_embeddings": 12,
         "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0, "embdb_seed": 1}
        """.write(toFile: folder.file("model/config.json"), atomically: true, encoding: .utf8)
    }

    /// Cells of four kinds, each of which has its genes in one order; the third is hidden and to be found.
    private static func cells(_ count: Int) -> (inputs: [[Int32]], labels: [[Int32]]) {
        var random = SplitMix64(state: 3)
        var (inputs, labels): ([[Int32]], [[Int32]]) = ([], [])
        for _ in 0..<count {
            let (first, length) = (2 + 10 * Int32(random.uniform() * 4), 4 + Int(random.uniform() * 7))
            inputs.append((0..<10).map { $0 == 2 ? 1 : $0 < length ? first + Int32($0) : -1 })
            labels.append((0..<10).map { $0 == 2 ? first + 2 : -100 })
        }
        return (inputs, labels)
    }

    private func arguments(_ inputs: [[Int32]], _ labels: [[Int32]], _ options: String...) throws -> [String] {
        try NumPyFile.bytes(integers: inputs).write(to: URL(fileURLWithPath: folder.file("inputs.npy")))
        try NumPyFile.bytes(integers: labels).write(to: URL(fileURLWithPath: folder.file("labels.npy")))
        return [
            "bench", "train", "--model", folder.file("model"), "--inputs", folder.file("inputs.npy"), "--labels",
            folder.file("labels.npy"), "--batch", "6", "--learning-rate", "0.01",
        ] + options
    }

    @Test("bench train learns from the cells in their order; the losses are the same for any number of threads")
    func losses() throws {
        let (inputs, labels) = Self.cells(1800)
        func train(_ threads: String, _ inputs: [[Int32]]) throws -> JSONAnswer {
            let result = try CommandLineTool.embdb.run(
                try arguments(inputs, labels, "--threads", threads, "--format", "json"))
            try #require(result.exitCode == 0, "\(result.stderr)")
            return try result.json()
        }
        let answer = try train("1", inputs)
        #expect(
            answer.keys == [
                "model", "threads", "steps", "losses", "cells_per_second", "seconds", "blas_kernel", "simd_level",
            ])
        #expect(answer["model"].string == "model" && answer["threads"].int == 1 && answer["steps"].int == 300)
        let (seconds, rate) = (try #require(answer["seconds"].double), try #require(answer["cells_per_second"].double))
        #expect(seconds > 0 && (rate * seconds / 1800 - 1).magnitude < 1e-6)
        let losses = answer["losses"].array.compactMap(\.double)
        #expect(losses.count == 300)
        // One of 50 by chance at first; one of four is known without a look at the cell.
        #expect((losses[0] - log(50)).magnitude < 0.1 && losses.suffix(10).reduce(0, +) / 10 < 1, "\(losses)")
        let threads = try train("3", inputs)["losses"].array.compactMap(\.double)
        #expect(threads == losses)
        // The first step sees the first rows alone.
        let others = try train("1", Array(inputs[..<6]) + inputs[6...].reversed())["losses"].array.compactMap(\.double)
        #expect(others[0] == losses[0] && others[1...] != losses[1...])
    }

    @Test("the table, and a last step of fewer cells")
    func table() throws {
        let (inputs, labels) = Self.cells(20)
        let result = try CommandLineTool.embdb.run(try arguments(inputs, labels, "--format", "tsv"))
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(result.stdout.contains("steps\t4\n") && result.stdout.contains("cells/s\t"), "\(result.stdout)")
    }

    @Test("arrays that say nothing, or something else than the model reads, are refused with the place")
    func refused() throws {
        let (inputs, labels) = Self.cells(20)
        func refused(
            _ arguments: [String], _ words: String..., exitCode: Int32 = 1,
            location: SourceLocation = #_sourceLocation
        ) throws {
            let result = try CommandLineTool.embdb.run(arguments)
            #expect(result.exitCode == exitCode, "\(result.stderr)", sourceLocation: location)
            #expect(result.stdout.isEmpty, sourceLocation: location)
            for word in ["embdb: "] + words {
                #expect(result.lastErrorLine.contains(word), "\(result.stderr)", sourceLocation: location)
            }
        }
        func changed(_ values: [[Int32]], _ row: Int, _ column: Int, _ value: Int32) -> [[Int32]] {
            var values = values
            values[row][column] = value
            return values
        }
        let none: Int32 = -1
        try refused(try arguments(changed(inputs, 7, 3, 50), labels), "50 is no token", "inputs.npy", "row 7, column 3")
        try refused(try arguments(changed(inputs, 7, 3, -7), labels), "-7 is no token", "row 7, column 3")
        try refused(try arguments(changed(inputs, 7, 1, none), labels), "behind the cell's end", "row 7, column 2")
        try refused(try arguments(changed(inputs, 7, 0, none), labels), "behind the cell's end", "row 7, column 1")
        try refused(try arguments(inputs, changed(labels, 7, 2, 50)), "50 is no token", "labels.npy", "row 7, column 2")
        try refused(
            try arguments(changed(inputs, 7, 9, none), changed(labels, 7, 9, 4)), "no token", "labels.npy",
            "row 7, column 9")
        var empty = inputs
        empty[4] = Array(repeating: -1, count: 10)
        try refused(try arguments(empty, labels), "without tokens", "inputs.npy", "row 4")
        let silent = labels[..<12].map { _ in [Int32](repeating: -100, count: 10) } + labels[12...]
        try refused(try arguments(inputs, Array(silent)), "nothing is to be found", "labels.npy", "rows 0 to 5")
        try refused(try arguments(inputs, Array(labels.dropLast())), "[19, 10]", "[20, 10]", "labels.npy")
        try refused(try arguments([], []), "no cell", "inputs.npy")
        let long = [Array(repeating: Int32(3), count: 13)]
        try refused(try arguments(long, long), "13 tokens", "positions for 12", "row 0")

        let good = try arguments(inputs, labels)
        try refused(good + ["--batch", "0"], "--batch 0", exitCode: 64)
        try refused(good + ["--warmup", "1"], "--warmup 1", exitCode: 64)
        try refused(good + ["--dropout", "2"], "--dropout 2", exitCode: 64)
        try NumPyFile.bytes([[1, 2, 3]]).write(to: URL(fileURLWithPath: folder.file("labels.npy")))
        try refused(good, "<f4", "labels.npy", "int32")
        try NumPyFile.bytes([true]).write(to: URL(fileURLWithPath: folder.file("labels.npy")))
        try refused(good, "1 dimension", "labels.npy")
        try Data("text".utf8).write(to: URL(fileURLWithPath: folder.file("labels.npy")))
        try refused(good, "labels.npy", ".npy file")
        try refused(try arguments(inputs, labels, "--model", folder.file("none")), "none", "folder")
    }
}
