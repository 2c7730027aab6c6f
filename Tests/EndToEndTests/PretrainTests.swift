import Foundation
import TestSupport
import Testing

/// `embdb model pretrain`: what it leaves, and that others take it.
@Suite(.serialized)
struct PretrainTests {
    private let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    @Test(
        "a pretraining leaves a model folder with its losses and its held-out cells, which model info and ingest take")
    func folder() throws {
        let answer = try bench.pretrain("model", also: ["--hold-out", "0.1"])
        #expect(
            answer.keys.isSuperset(of: [
                "model", "genes", "cells", "held_out_cells", "cells_without_known_gene", "steps", "epochs", "loss",
                "held_out_loss", "held_out_accuracy", "seconds", "cells_per_second",
            ]))
        let (cells, heldOut) = (try #require(answer["cells"].int), try #require(answer["held_out_cells"].int))
        #expect(cells + heldOut == 300 && (10..<60).contains(heldOut))
        #expect(answer["steps"].int == 25 && answer["cells_without_known_gene"].int == 0)
        #expect(try Set(bench.contents("model").keys) == TrainingBench.files)

        let log = try bench.table("model/training.tsv")
        #expect(log["step"] == ["10", "20", "25"])
        let losses = try #require(log["loss"]).compactMap(Double.init)
        // Of some 240 genes the model knows nothing at first.
        #expect(losses.count == 3 && losses[0] > 4 && losses[0] < 6 && losses[2] < losses[0])
        #expect(try #require(log["held_out_loss"]?.last.flatMap(Double.init)) > 1)

        let names = try bench.table("model/held_out.tsv")
        #expect(names["file"] == Array(repeating: Workbench.fixture("cells"), count: heldOut))
        let ids = Set(try #require(names["cell"]))
        #expect(ids.count == heldOut && ids.isSubset(of: Set((0..<300).map { "cell\($0)" })))

        let genes = try bench.table("model/vocabulary.tsv")
        #expect(genes["ensembl_id"]?.count == (answer["genes"].int ?? 0) + 2)
        #expect(genes["nonzero_median"]?.dropFirst(2).allSatisfy { Double($0) ?? 0 > 0 } == true)

        let info = try CommandLineTool.embdb.run(["model", "info", bench.file("model"), "--format", "json"])
        #expect(info.exitCode == 0, "\(info.stderr)")
        let model = try info.json()
        #expect(model["layers"].int == 2 && model["hidden_size"].int == 16 && model["maximum_length"].int == 64)
        #expect(model["untrained"].bool == false && model["unused_tensors"].array.isEmpty)
        #expect(model["sha256"].string == answer["model"]["sha256"].string)

        let ingest = try CommandLineTool.embdb.run([
            "ingest", bench.file("cells.embdb"), Workbench.fixture("cells"), "--model", bench.file("model"), "--format",
            "json",
        ])
        #expect(ingest.exitCode == 0, "\(ingest.stderr)")
        #expect(try ingest.json()["cells_added"].int == 300)
    }

    @Test("the same bytes in every run and for any number of threads, other ones by another seed")
    func sameBytes() throws {
        try bench.pretrain("one", also: ["--threads", "1"])
        let expected = try bench.contents("one")
        for (name, options) in [("again", ["--threads", "1"]), ("three", ["--threads", "3"])] {
            try bench.pretrain(name, also: options)
            #expect(try bench.contents(name) == expected, "\(name)")
        }
        try bench.pretrain("seed", also: ["--seed", "1"])
        let other = try bench.contents("seed")
        for name in ["held_out.tsv", "model.safetensors", "training.tsv"] {
            #expect(other[name] != expected[name], "\(name)")
        }
    }

    @Test("--where, --sample, --epochs and --hold-out 0 say what is learned from")
    func selection() throws {
        let answer = try bench.pretrain(
            "few", Array(TrainingBench.tiny.dropLast(2)),
            also: ["--where", "disease == \"DCM\"", "--sample", "50", "--hold-out", "0", "--epochs", "2"])
        #expect(answer["cells"].int == 50 && answer["held_out_cells"].int == 0)
        #expect(answer["steps"].int == 14 && answer["epochs"].double == 2)
        #expect(answer["held_out_loss"].isNull && answer["loss"].double != nil)
        #expect(try bench.text("few/held_out.tsv") == "file\tcell\n")
    }

    @Test("--from goes on with a model: its vocabulary and sizes, its losses")
    func goingOn() throws {
        try bench.pretrain("start", also: ["--steps", "150"])
        let before = try #require(try bench.table("start/training.tsv")["loss"]).compactMap(Double.init)
        let options = [
            "--from", bench.file("start"), "--length", "32", "--steps", "20", "--batch", "8", "--learning-rate",
            "0.001",
        ]
        let answer = try bench.pretrain("more", options)
        #expect(try bench.text("more/vocabulary.tsv") == bench.text("start/vocabulary.tsv"))
        #expect(answer["model"]["layers"].int == 2 && answer["model"]["hidden_size"].int == 16)
        let after = try #require(try bench.table("more/training.tsv")["loss"]).compactMap(Double.init)
        // It begins where the other ended, and not where that one began.
        #expect(before[0] - (before.last ?? 0) > 0.3, "\(before)")
        #expect(after[0] < (before[0] + (before.last ?? 0)) / 2, "\(before), then \(after)")
        #expect(try bench.contents("more")["model.safetensors"] != bench.contents("start")["model.safetensors"])
    }

    @Test("a finished training with --resume does nothing, says so and exits 0")
    func finished() throws {
        try bench.pretrain("model")
        let before = try bench.contents("model")
        let result = try CommandLineTool.embdb.run(bench.arguments("model", also: ["--resume"]))
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(result.stderr.contains("complete already"), "\(result.stderr)")
        #expect(try result.json()["complete_before"].bool == true)
        #expect(try bench.contents("model") == before)
        #expect(try bench.pretrain("new", also: ["--resume"])["complete_before"].bool == false)
    }

    @Test("the files are closed before it learns")
    func closedFiles() throws {
        let process = try bench.startUntilCheckpoint("model")
        #expect(process.children.isEmpty, "\(process.children)")
        process.send(SIGKILL)
        _ = try process.wait()
        // While they are read, each has a process.
        let reading = try CommandLineTool.embdb.start(bench.arguments("other", TrainingBench.slow))
        var seen = false
        while !seen, !reading.hasEnded { seen = !reading.children.isEmpty }
        #expect(seen)
    }

    @Test("a cell that has none of the new model's genes is left out")
    func unknownCells() throws {
        // EGFR and BRCA1, which no cell of the other file has: two genes are too few for medians, so they get no token.
        try FileManager.default.createDirectory(atPath: bench.file("panel"), withIntermediateDirectories: true)
        for (name, text) in [
            ("genes.tsv", "ENSG00000146648\tEGFR\nENSG00000012048\tBRCA1\n"), ("barcodes.tsv", "p0\np1\np2\n"),
            (
                "matrix.mtx",
                "%%MatrixMarket matrix coordinate integer general\n%\n2 3 4\n1 1 3\n2 1 1\n1 2 5\n2 3 2\n"
            ),
        ] {
            try text.write(toFile: bench.file("panel/\(name)"), atomically: true, encoding: .utf8)
        }
        for share in ["0", "0.5"] {
            let name = "held-out-\(share)"
            var arguments = bench.arguments(name, also: ["--hold-out", share])
            arguments.insert(bench.file("panel"), at: 4)
            let result = try CommandLineTool.embdb.run(arguments)
            try #require(result.exitCode == 0, "\(result.stderr)")
            let answer = try result.json()
            #expect(answer["cells_without_known_gene"].int == 3)
            #expect((answer["cells"].int ?? 0) + (answer["held_out_cells"].int ?? 0) == 300)
            #expect(try bench.table("\(name)/held_out.tsv")["cell"]?.contains { $0.hasPrefix("p") } == false)
        }
    }
}
