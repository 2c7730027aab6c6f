import Checkpoints
import EmbDB
import Foundation
import Testing

@Suite("classifiers of cells")
struct FinetuneTests {
    @Test(
        "tells the states apart on cells that it has not learned from; every cell is tested once; the folder says it all"
    )
    func learns() throws {
        let space = try Workspace()
        let warnings = Log()
        let report = try space.finetune("tuned", warnings: warnings) { $0.folds = 3 }
        #expect(report.task == "cell" && report.classes == ["healthy", "sick"] && report.counts == [120, 120])
        #expect(report.cells == 240 && report.leftOut == ["rare": 3])
        #expect(warnings.lines.contains { $0.contains("rare (3)") })
        #expect(report.folds.count == 3 && report.epochs.count == 4)
        #expect((report.summary.auc?.mean ?? 0) > 0.97, "\(report.summary)")
        #expect(report.summary.accuracy.mean > 0.9 && report.summary.macroF1.mean > 0.9)

        let found = try Predictions(space.path("tuned"))
        #expect(found.classes == ["healthy", "sick"] && found.rows.count == 240)
        #expect(Set(found.rows.map(\.name)).count == 240)
        let truth = try space.truth("state")
        for row in found.rows {
            #expect(row.truth == truth[row.name])
            #expect(abs(row.probabilities.reduce(0, +) - 1) < 1e-5)
            #expect(row.prediction == (row.probabilities[0] >= row.probabilities[1] ? "healthy" : "sick"))
        }
        let hits = found.rows.count { $0.truth == $0.prediction }
        #expect(hits == report.summary.confusion.counts[0][0] + report.summary.confusion.counts[1][1])
        let names = try FileManager.default.contentsOfDirectory(atPath: space.path("tuned")).sorted()
        #expect(
            names == [
                "calibration.svg", "classes.tsv", "config.json", "confusion_matrix.svg", "confusion_matrix.tsv",
                "model.safetensors", "predictions.tsv", "roc.svg", "roc.tsv", "training.tsv", "vocabulary.tsv",
            ])
        let model = try ModelDescription.read(space.path("tuned"))
        #expect(model.head == "cell classifier" && model.labels == ["healthy", "sick"])
        #expect(
            model.summary.sha256 == report.model.sha256 && !model.summary.isUntrained && model.unusedTensors.isEmpty)
    }

    @Test("labels that say nothing are not learned: nothing leaks from the tested cells")
    func chance() throws {
        let space = try Workspace()
        let report = try space.finetune("tuned", .cell(label: "chance")) { $0.folds = 3 }
        let auc = report.summary.auc?.mean ?? 0
        #expect((0.35...0.65).contains(auc), "\(auc)")
    }

    @Test("whole numbers and truth values are classes, sorted by name; measured numbers are none")
    func columns() throws {
        let space = try Workspace()
        let stage = try space.finetune("stage", .cell(label: "stage"))
        #expect(stage.classes == ["10", "9"] && stage.counts == [130, 120])
        #expect((stage.summary.auc?.mean ?? 0) > 0.9)
        let flag = try space.finetune("flag", .cell(label: "flag")) { $0.epochs = 1 }
        #expect(flag.classes.count == 2 && flag.counts == [120, 130])
        space.refused(.usage, ["--label score", "measured numbers"], .cell(label: "score"))
        space.refused(.usage, ["--label staet", "state"], .cell(label: "staet"))
        space.refused(.usage, ["--group donr", "donor"]) { $0.group = "donr" }
        space.refused(.nothingFound, ["heart (250)", "--min-of-class"], .cell(label: "tissue"))
        space.refused(.nothingFound, ["(1)", "245 more"], .cell(label: "well"))
        space.refused(.input, ["lacks.h5ad"], files: [space.path("lacks.h5ad")])
    }

    @Test("the same bytes for any number of threads, and every time; another seed gives others")
    func threads() throws {
        let space = try Workspace()
        for (name, threads) in [("one", 1), ("four", 4), ("again", 4)] {
            try space.finetune(name) {
                $0.threads = threads
                $0.epochs = 2
            }
        }
        let one = try space.bytes("one")
        #expect(try space.bytes("four") == one)
        #expect(try space.bytes("again") == one)
        try space.finetune("other") {
            $0.seed = 1
            $0.epochs = 2
        }
        let other = try space.bytes("other")
        #expect(
            other["model.safetensors"] != one["model.safetensors"] && other["predictions.tsv"] != one["predictions.tsv"]
        )
    }

    @Test("frozen layers stay as they were; the others, embeddings and head learn", arguments: [0, 1, 2])
    func frozen(layers: Int) throws {
        let space = try Workspace()
        try space.finetune("start") { $0.epochs = 1 }
        try space.finetune("tuned", .cell(label: "stage"), from: space.path("start")) {
            $0.freezeLayers = layers
            $0.epochs = 1
        }
        let (start, tuned) = (
            try SafetensorsFile(path: space.path("start/model.safetensors")),
            try SafetensorsFile(path: space.path("tuned/model.safetensors"))
        )
        for name in tuned.tensorNames where name.hasSuffix("dense.weight") || name.hasSuffix("word_embeddings.weight") {
            let isFrozen = (0..<layers).contains { name.hasPrefix("bert.encoder.layer.\($0).") }
            #expect((try start.floats(name) == tuned.floats(name)) == isFrozen, "\(name)")
        }
        space.refused(.usage, ["--freeze-layers 3", "2 layers"]) { $0.freezeLayers = 3 }
    }

    @Test("class weights lift a rare class; without them it counts for little")
    func weights() throws {
        let space = try Workspace()
        func meanOfRare(_ name: String, _ weights: FinetuneOptions.ClassWeights) throws -> Double {
            try space.finetune(name) {
                $0.minimumOfClass = 3
                $0.folds = 2
                $0.epochs = 2
                $0.classWeights = weights
            }
            let found = try Predictions(space.path(name))
            #expect(found.classes == ["healthy", "rare", "sick"] && found.rows.count == 243)
            return found.rows.reduce(0) { $0 + $1.probabilities[1] } / Double(found.rows.count)
        }
        let (balanced, plain) = (try meanOfRare("balanced", .balanced), try meanOfRare("plain", .none))
        #expect(balanced > 2 * plain, "\(balanced) \(plain)")
    }

    @Test("a loss that rises ends learning, and the pass with the lowest is what is kept")
    func stopping() throws {
        let space = try Workspace()
        // Of labels that say nothing the watched loss soon rises.
        let report = try space.finetune("long", .cell(label: "chance")) {
            $0.epochs = 40
            $0.patience = 3
            $0.schedule = .cosine
        }
        let rows = try String(contentsOfFile: space.path("long/training.tsv"), encoding: .utf8).split(separator: "\n")
            .dropFirst().map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        #expect(rows.count < 40 && rows.count == report.epochs[0] + 3)
        let losses = rows.compactMap { Double($0[5]) }
        #expect(losses.count == rows.count && losses.min() == losses[report.epochs[0] - 1])
    }

    @Test("--max-of-class draws; --length makes a model of that length; a model is no place for another")
    func limits() throws {
        let space = try Workspace()
        let report = try space.finetune("tuned") {
            $0.maximumOfClass = 40
            $0.length = 12
            $0.epochs = 1
        }
        #expect(report.counts == [40, 40] && report.cells == 80)
        // What was tested and what is made read the same.
        #expect(try ModelDescription.read(space.path("tuned")).summary.maximumLength == 12)
        var options = EvaluateOptions(Workspace.state)
        options.threads = 1
        _ = try Training.evaluate(
            [Fixture.labelled], of: space.path("tuned"), options: options, writingTo: space.path("evaluated"))
        let again = Dictionary(
            uniqueKeysWithValues: try Predictions(space.path("evaluated")).rows.map { ($0.name, $0.probabilities) })
        for row in try Predictions(space.path("tuned")).rows { #expect(again[row.name] == row.probabilities) }

        let error = #expect(throws: EmbDBError.self) { try space.finetune("tuned") }
        #expect(error?.code == .usage && error?.message.contains("name a new folder") == true)
        space.refused(.usage, ["--length 25", "24"]) { $0.length = 25 }
        let v2 = try Workspace(isV2: true)
        v2.refused(.usage, ["--length 2", "special tokens"]) { $0.length = 2 }
        #expect(try v2.finetune("short") { $0.length = 3 }.model.maximumLength == 3)
    }

    @Test("stopped: an error, no folder, and the same call works")
    func cancelled() throws {
        let space = try Workspace()
        var options = FinetuneOptions(Workspace.state)
        options.epochs = 2
        let error = #expect(throws: EmbDBError.self) {
            let seen = Log()
            return try Training.finetune(
                [Fixture.labelled], from: space.model, into: space.path("tuned"), options: options,
                control: Control(
                    progress: { if $0.phase.hasPrefix("training") { seen.add($0.phase) } },
                    isCancelled: { seen.count > 3 }))
        }
        #expect(error?.code == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: space.path("tuned")))
        _ = try Training.finetune([Fixture.labelled], from: space.model, into: space.path("tuned"), options: options)
        #expect(try ModelDescription.read(space.path("tuned")).head == "cell classifier")
    }
}

extension Workspace {
    /// The values of an obs column of the labelled cells, by cell id, as an ingest has them.
    func truth(_ column: String) throws -> [String: String] {
        let exports = try exports(try ingested([Fixture.labelled], name: "truth-\(column).embdb"))
        return Dictionary(uniqueKeysWithValues: zip(exports.ids, exports.obs.map { $0[column] ?? "" }))
    }
}
