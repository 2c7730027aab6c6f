import Foundation
import TestSupport
import Testing

/// An option, or a file, that a training refuses.
struct WrongTraining: Sendable, CustomTestStringConvertible {
    let exitCode: Int32
    let arguments: [String]
    /// All of them are in the last line.
    let words: [String]
    var fixture = "cells"

    var testDescription: String { ([fixture] + arguments).joined(separator: " ") }
}

/// What `embdb model pretrain` refuses: by which exit code, in which words, and that it leaves nothing behind.
@Suite(.serialized)
struct PretrainRefusalTests {
    // swift-format-ignore
    private static let wrongNumbers: [WrongTraining] = [
        WrongTraining(exitCode: 64, arguments: ["--steps", "0"], words: ["--steps 0"]),
        WrongTraining(exitCode: 64, arguments: ["--steps", "x"], words: ["--steps"]),
        WrongTraining(exitCode: 64, arguments: ["--steps", "20", "--epochs", "2"], words: ["--steps", "--epochs"]),
        WrongTraining(exitCode: 64, arguments: ["--steps", "1099511627776", "--batch", "1099511627776"], words: ["--steps 1099511627776"]),
        WrongTraining(exitCode: 64, arguments: ["--steps", "1000000000", "--batch", "1099511627776"], words: ["--batch 1099511627776"]),
        WrongTraining(exitCode: 64, arguments: ["--batch=-1"], words: ["--batch -1"]),
        WrongTraining(exitCode: 64, arguments: ["--learning-rate", "0"], words: ["--learning-rate 0"]),
        WrongTraining(exitCode: 64, arguments: ["--learning-rate", "nan"], words: ["--learning-rate nan"]),
        WrongTraining(exitCode: 64, arguments: ["--warmup", "1"], words: ["--warmup 1"]),
        WrongTraining(exitCode: 64, arguments: ["--dropout", "1"], words: ["--dropout 1"]),
        WrongTraining(exitCode: 64, arguments: ["--dropout", "nan"], words: ["--dropout nan"]),
        WrongTraining(exitCode: 64, arguments: ["--hold-out", "1"], words: ["--hold-out 1"]),
        WrongTraining(exitCode: 64, arguments: ["--hold-out=-0.1"], words: ["--hold-out -0.1"]),
        WrongTraining(exitCode: 64, arguments: ["--weight-decay", "2"], words: ["--weight-decay 2"]),
        WrongTraining(exitCode: 64, arguments: ["--schedule", "constant"], words: ["constant"]),
        WrongTraining(exitCode: 64, arguments: ["--checkpoint-minutes", "0"], words: ["--checkpoint-minutes 0"]),
        WrongTraining(exitCode: 64, arguments: ["--threads", "0"], words: ["--threads 0"]),
        WrongTraining(exitCode: 64, arguments: ["--sample", "0"], words: ["--sample 0"]),
        WrongTraining(exitCode: 64, arguments: ["--min-genes", "0"], words: ["--min-genes 0"]),
        WrongTraining(exitCode: 64, arguments: ["--layers", "0"], words: ["--layers 0"]),
        WrongTraining(exitCode: 64, arguments: ["--hidden", "31"], words: ["--hidden 31", "--heads 2"]),
        WrongTraining(exitCode: 64, arguments: ["--heads", "5"], words: ["--heads 5", "--hidden 16"]),
        WrongTraining(exitCode: 64, arguments: ["--hidden", "1000000"], words: ["--hidden 1000000"]),
        WrongTraining(exitCode: 64, arguments: ["--layers", "2000"], words: ["--layers 2000"]),
        WrongTraining(exitCode: 64, arguments: ["--feed-forward", "1000000"], words: ["--feed-forward 1000000"]),
        WrongTraining(exitCode: 64, arguments: ["--length", "2000000"], words: ["--length 2000000"]),
        WrongTraining(exitCode: 64, arguments: ["--dictionaries", "/"], words: ["--dictionaries", "--from"]),
        WrongTraining(exitCode: 1, arguments: ["--hidden", "65536", "--layers", "1024"], words: ["memory", "--hidden"]),
    ]

    // swift-format-ignore
    private static let wrongCells: [WrongTraining] = [
        WrongTraining(exitCode: 2, arguments: ["--hold-out", "0.999999"], words: ["no cell to learn from", "--hold-out"]),
        WrongTraining(exitCode: 2, arguments: ["--where", "n_genes > 9000"], words: ["n_genes > 9000"]),
        WrongTraining(exitCode: 2, arguments: ["--min-genes", "9000"], words: ["--min-genes"]),
        WrongTraining(exitCode: 2, arguments: ["--min-cells", "9000"], words: ["--min-cells"]),
        WrongTraining(exitCode: 1, arguments: ["--where", "n_gene > 3"], words: ["n_gene", "n_genes"]),
        WrongTraining(exitCode: 1, arguments: ["--layer", "layers/none"], words: ["none", "cells.h5ad"]),
        WrongTraining(exitCode: 1, arguments: [], words: ["none.h5ad"], fixture: "none"),
        WrongTraining(exitCode: 1, arguments: [], words: ["fractional.h5ad", "row 149", "2.5", "whole"], fixture: "fractional"),
        WrongTraining(exitCode: 1, arguments: ["--layer", "X"], words: ["negative.h5ad", "row 149", "-3"], fixture: "negative"),
        WrongTraining(exitCode: 1, arguments: [], words: ["nan.h5ad", "row 149", "NaN"], fixture: "nan"),
        WrongTraining(exitCode: 1, arguments: [], words: ["0 of 240", "mouse"], fixture: "mouse"),
        WrongTraining(exitCode: 2, arguments: [], words: ["no cell to learn from"], fixture: "wrong/no_cells"),
    ]

    private let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    @Test("numbers", arguments: wrongNumbers)
    func numbers(_ wrong: WrongTraining) throws { try check(wrong) }

    @Test("cells", arguments: wrongCells)
    func cells(_ wrong: WrongTraining) throws { try check(wrong) }

    private func check(_ wrong: WrongTraining) throws {
        // Of an option that is there twice the last one counts.
        let tiny = wrong.arguments.contains("--epochs") ? Array(TrainingBench.tiny.dropLast(2)) : TrainingBench.tiny
        let arguments = ["model", "pretrain", bench.file("model"), Workbench.fixture(wrong.fixture)]
        try bench.refused(wrong.exitCode, arguments + tiny + wrong.arguments, saying: wrong.words)
        #expect(!FileManager.default.fileExists(atPath: bench.file("model")), "a folder is left")
    }

    @Test("models to go on from")
    func startingModels() throws {
        try bench.pretrain("start")
        let plain = ["model", "pretrain", bench.file("model"), Workbench.fixture("cells"), "--from"]
        let start = plain + [bench.file("start")]
        for option in ["--layers", "--hidden", "--heads", "--feed-forward"] {
            try bench.refused(64, start + [option, "2"], saying: [option, "--from"])
        }
        try bench.refused(64, start + ["--length", "65"], saying: ["--length 65", "64"])
        try bench.refused(1, plain + [bench.file("none")], saying: ["none", "folder"])
        try bench.refused(
            64, ["model", "pretrain", bench.file("start")] + start.dropFirst(3), saying: ["start", "new folder"])
        try bench.refused(1, start + ["--dictionaries", bench.file("nowhere")], saying: ["--dictionaries", "nowhere"])
        // An encoder alone has nothing to find hidden genes with.
        let headless = bench.file("headless")
        try FileManager.default.createDirectory(atPath: headless, withIntermediateDirectories: true)
        for (name, bytes) in try bench.contents("start") where name != "model.safetensors" {
            try bytes.write(to: URL(fileURLWithPath: "\(headless)/\(name)"))
        }
        try Self.withoutHead(try #require(try bench.contents("start")["model.safetensors"]))
            .write(to: URL(fileURLWithPath: "\(headless)/model.safetensors"))
        try bench.refused(1, plain + [headless], saying: ["headless", "masked-gene head"])
        #expect(!FileManager.default.fileExists(atPath: bench.file("model")), "a folder is left")
    }

    /// The same safetensors file, its header's names of the head changed.
    private static func withoutHead(_ file: Data) -> Data {
        var file = file
        while let place = file.range(of: Data("cls.predictions".utf8)) {
            file.replaceSubrange(place, with: Data("xyz.predictions".utf8))
        }
        return file
    }

    @Test("folders that are no place for a model")
    func folders() throws {
        let files = FileManager.default
        for name in ["config.json", "model.safetensors", "pytorch_model.bin", "vocabulary.tsv"] {
            let folder = bench.file("other-" + name)
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "{}".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            for also in [[], ["--resume"]] {
                try bench.refused(64, bench.arguments("other-" + name, also: also), saying: [name, "new folder"])
            }
            #expect(try files.contentsOfDirectory(atPath: folder) == [name])
        }
        try "text".write(toFile: bench.file("file"), atomically: true, encoding: .utf8)
        try bench.refused(1, bench.arguments("file"), saying: ["file", "folder"])
        try bench.refused(1, bench.arguments("file/model"), saying: ["file/model", "folder"])
        // What is no model is no obstacle.
        try files.createDirectory(atPath: bench.file("notes"), withIntermediateDirectories: true)
        try "read me".write(toFile: bench.file("notes/README"), atomically: true, encoding: .utf8)
        try bench.pretrain("notes")
        #expect(try bench.text("notes/README") == "read me")
    }

    @Test("a folder with a training in it: running, unfinished, finished")
    func trainings() throws {
        let running = try bench.startUntilCheckpoint("running")
        try bench.refused(1, bench.arguments("running", TrainingBench.slow), saying: ["running", "wait"])
        running.send(SIGKILL)
        _ = try running.wait()

        let before = try bench.contents("running")
        try bench.refused(
            64, bench.arguments("running", TrainingBench.slow), saying: ["unfinished", "running", "--resume"])
        for option in ["--steps", "--batch", "--seed", "--min-cells"] {
            try bench.refused(
                64, bench.arguments("running", TrainingBench.slow, also: ["--resume", option, "7"]),
                saying: ["unfinished", "other options", "running"])
        }
        var others = bench.arguments("running", TrainingBench.slow, also: ["--resume"])
        others[3] = Workbench.fixture("more")
        try bench.refused(64, others, saying: ["unfinished", "other cells", "running"])
        #expect(try bench.contents("running") == before)

        try bench.pretrain("finished")
        let finished = try bench.contents("finished")
        try bench.refused(64, bench.arguments("finished"), saying: ["finished", "new folder"])
        try bench.refused(
            64, bench.arguments("finished", also: ["--resume", "--seed", "7"]),
            saying: ["finished", "other options", "new folder"])
        #expect(try bench.contents("finished") == finished)
    }
}
