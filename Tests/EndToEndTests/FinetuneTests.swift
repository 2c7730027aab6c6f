import Foundation
import TestSupport
import Testing

/// Classifiers on the command line: fine-tuned, evaluated, ingested with, annotated by.
@Suite(.serialized)
struct FinetuneTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private var cells: String { Workbench.fixture("cells") }

    private func finetune(_ folder: String, _ options: [String] = ["--task", "cell", "--label", "disease"]) -> [String]
    {
        [
            "model", "finetune", bench.file(folder), cells, "--from", bench.model, "--epochs", "2", "--learning-rate",
            "0.003",
        ]
            + options
    }

    /// 24 genes of the fixtures' vocabulary in two classes.
    private func table(header: String = "gene\tclass\n") throws -> String {
        let lines = try String(contentsOfFile: Workbench.fixtures + "/vocabulary.tsv", encoding: .utf8).split(
            separator: "\n")
        let genes = lines.dropFirst().map { $0.split(separator: "\t", omittingEmptySubsequences: false)[1] }
            .filter { $0.hasPrefix("ENSG") }.prefix(24)
        let text = header + genes.enumerated().map { "\($1)\t\($0 % 2 == 0 ? "even" : "odd")\n" }.joined()
        try text.write(toFile: bench.file("genes.tsv"), atomically: true, encoding: .utf8)
        return bench.file("genes.tsv")
    }

    @Test("a classifier from counts to annotation; JSON keys; the tables on stdout")
    func pipeline() throws {
        let tuned = try CommandLineTool.embdb.run(finetune("tuned") + ["--folds", "2", "--format", "json"])
        try #require(tuned.exitCode == 0, "\(tuned.stderr)")
        let answer = try tuned.json()
        #expect(
            answer.keys == [
                "model", "task", "cells", "classes", "left_out", "tested", "accuracy", "macro_f1", "auc", "per_class",
                "confusion_matrix", "calibration", "folds", "epochs", "seconds",
            ])
        #expect(answer["task"].string == "cell" && answer["cells"].int == 300 && answer["tested"].int == 300)
        #expect(answer["classes"].array.map { $0["class"].string } == ["DCM", "normal"])
        #expect(answer["classes"].array.map { $0["count"].int } == [100, 200])
        #expect(answer["folds"].array.count == 2 && answer["epochs"].array.count == 3)
        #expect(answer["folds"][0].keys == ["tested", "accuracy", "macro_f1", "auc", "log_loss", "brier_score"])
        #expect(answer["accuracy"].keys == ["mean", "sd"] && answer["accuracy"]["sd"].double != nil)
        let matrix = answer["confusion_matrix"].array.map { $0.array.compactMap(\.int) }
        #expect(matrix.count == 2 && matrix.map { $0.reduce(0, +) } == [100, 200])

        let info = try bench.run("model", "info", bench.file("tuned"), "--format", "json").json()
        #expect(info["head"].string == "cell classifier")

        let evaluated = try bench.run(
            "model", "evaluate", bench.file("tuned"), cells, "--label", "disease", "--out", bench.file("out"),
            "--format",
            "json")
        try #require(evaluated.exitCode == 0, "\(evaluated.stderr)")
        let scores = try evaluated.json()
        #expect(
            scores.keys == [
                "model", "task", "tested", "accuracy", "macro_f1", "auc", "per_class", "confusion_matrix",
                "calibration", "folds", "left_out", "seconds",
            ])
        for told in [answer, scores] {
            let calibration = told["calibration"]
            #expect(calibration.keys == ["expected_error", "maximum_error", "bins"])
            let bins = calibration["bins"].array
            #expect(bins.count == 10 && bins[0].keys == ["lower", "upper", "count", "mean_confidence", "accuracy"])
            #expect(bins.compactMap { $0["count"].int }.reduce(0, +) == 300)
            let found = bins.reduce(0.0) { $0 + Double($1["count"].int ?? 0) * ($1["accuracy"].double ?? 0) }
            let right = (0..<2).reduce(0) { $0 + (told["confusion_matrix"][$1][$1].int ?? 0) }
            #expect(abs(found - Double(right)) < 1e-6)
            let error = try #require(calibration["expected_error"].double)
            #expect(try error <= #require(calibration["maximum_error"].double))
        }
        let rows = try String(contentsOfFile: bench.file("out/predictions.tsv"), encoding: .utf8).split(separator: "\n")
            .dropFirst().map { $0.split(separator: "\t").map(String.init) }
        #expect(rows.count == 300)

        let ingest = try bench.run("ingest", bench.database, cells, "--model", bench.file("tuned"))
        try #require(ingest.exitCode == 0, "\(ingest.stderr)")
        let annotated = try bench.ask("annotate", cells)
        #expect(annotated.array.count == 300)
        #expect(
            annotated[0].keys == [
                "cell", "label", "confidence", "runner_up", "nearest_distance", "unknown", "unknown_beyond",
                "probabilities",
            ])
        for (row, cell) in zip(rows, annotated.array) {
            #expect(row[0] == cell["cell"].string && row[3] == cell["label"].string)
            let own = cell["probabilities"]["DCM"].double ?? 2
            #expect(abs(own - (Double(row[4]) ?? 9)) < 1e-6)
        }
        let table = try bench.run("annotate", bench.database, cells, "--out", bench.file("labels.tsv"))
        #expect(table.exitCode == 0 && table.stderr.contains("by the model's classes"), "\(table.stderr)")
        let header = try String(contentsOfFile: bench.file("labels.tsv"), encoding: .utf8).split(separator: "\n")[0]
        #expect(header.hasSuffix("unknown\tprobability_DCM\tprobability_normal"))
    }

    @Test("a classifier of genes is made and evaluated")
    func genes() throws {
        let table = try table()
        let tuned = try CommandLineTool.embdb.run(
            finetune("tuned", ["--task", "gene", "--classes", table, "--min-of-class", "5", "--format", "json"]))
        try #require(tuned.exitCode == 0, "\(tuned.stderr)")
        #expect(try tuned.json()["task"].string == "gene")
        let evaluated = try bench.run("model", "evaluate", bench.file("tuned"), cells, "--classes", table)
        #expect(evaluated.exitCode == 0 && evaluated.stdout.contains("macro F1"), "\(evaluated.stderr)")
        try bench.refused(
            64, ["model", "evaluate", bench.file("tuned"), cells, "--label", "disease"],
            saying: "--classes instead of --label")
    }

    @Test("wrong use: the exit code, what is wrong and what to do, and no folder")
    func refusals() throws {
        let table = try table()
        let cell = ["--task", "cell"]
        let disease = cell + ["--label", "disease"]
        func refused(_ code: Int32, _ options: [String], _ words: String...) throws {
            let result = try CommandLineTool.embdb.run(finetune("new", options))
            #expect(result.exitCode == code, "\(options): \(result.stderr)")
            for word in words { #expect(result.stderr.contains(word), "\(word): \(result.stderr)") }
            #expect(result.stdout.isEmpty && !FileManager.default.fileExists(atPath: bench.file("new")))
        }
        try refused(64, cell, "--label")
        try refused(64, disease + ["--classes", table], "--classes")
        try refused(64, disease + ["--max-cells", "9"], "--max-cells")
        try refused(64, ["--task", "gene"], "--classes")
        try refused(64, ["--task", "gene", "--classes", table, "--label", "disease"], "--label")
        try refused(64, cell + ["--label", "diseases"], "disease")
        try refused(64, cell + ["--label", "score"], "measured numbers")
        try refused(2, disease + ["--min-of-class", "150"], "normal (200)", "--min-of-class")
        try refused(64, disease + ["--group", "donor", "--folds", "9"], "--folds 9", "donor")
        try refused(64, disease + ["--freeze-layers", "3"], "--freeze-layers 3", "2 layers")
        try refused(64, disease + ["--folds", "0"], "--folds 0")
        try refused(64, disease + ["--hold-out", "0.9"], "--hold-out")
        try refused(64, disease + ["--hold-out", "nan"], "--hold-out")
        try refused(64, disease + ["--learning-rate", "0"], "--learning-rate")
        try refused(64, disease + ["--length", "257"], "--length 257", "256")
        try "gene\tclass\nNOBODY\ta\n".write(toFile: bench.file("none.tsv"), atomically: true, encoding: .utf8)
        try refused(1, ["--task", "gene", "--classes", bench.file("none.tsv")], "NOBODY")
        try refused(1, ["--task", "gene", "--classes", bench.file("lacks.tsv")], "lacks.tsv")
        // The model's own folder, and one that lacks.
        try bench.refused(
            64, ["model", "finetune", bench.model, cells, "--from", bench.model] + disease, saying: "name a new folder")
        let noModel = try bench.run("model", "evaluate", bench.file("lacks"), cells, "--label", "disease")
        #expect(noModel.exitCode != 0 && noModel.stderr.contains("lacks"))
        let plain = try bench.run("model", "evaluate", bench.model, cells, "--label", "disease")
        #expect(plain.exitCode != 0 && plain.lastErrorLine.contains("no classifier"))
        for options in [[], ["--label", "disease", "--classes", table]] {
            let result = try CommandLineTool.embdb.run(["model", "evaluate", bench.model, cells] + options)
            #expect(result.exitCode == 64 && result.stderr.contains("--label or --classes"))
        }
        try bench.ingest("cells")
        try bench.refused(64, ["annotate", bench.database, cells], saying: "no classifier of cells", "--label")
    }

    @Test("labels that are no class of the model; its own folder for --out")
    func otherLabels() throws {
        let tuned = try CommandLineTool.embdb.run(finetune("tuned"))
        try #require(tuned.exitCode == 0, "\(tuned.stderr)")
        try bench.refused(
            2, ["model", "evaluate", bench.file("tuned"), cells, "--label", "cell_type"], saying: "DCM, normal")
        try bench.refused(
            64, ["model", "evaluate", bench.file("tuned"), cells, "--label", "disease", "--out", bench.file("tuned")],
            saying: "--out")
        try bench.refused(64, finetune("tuned"), saying: "name a new folder")
    }

    @Test("Ctrl-C exits with 130 and leaves no model; the same command works again")
    func interrupted() throws {
        let endless = finetune("tuned") + ["--epochs", "100000", "--patience", "100000"]
        let process = try CommandLineTool.embdb.start(endless)
        // By then the folder is there, and learning goes on for hours.
        while !process.hasEnded && process.seconds < 3 { usleep(20_000) }
        process.send(SIGINT)
        let result = try process.wait()
        #expect(result.exitCode == 130, "\(result.stderr)")
        #expect(result.stdout.isEmpty && result.lastErrorLine.contains("no model was written"), "\(result.stderr)")
        #expect(!FileManager.default.fileExists(atPath: bench.file("tuned")))
        #expect(try CommandLineTool.embdb.run(finetune("tuned")).exitCode == 0)
    }
}
