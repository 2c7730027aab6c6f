import EmbDB
import Foundation
import Testing

@Suite("evaluation of a classifier")
struct EvaluateTests {
    private static func evaluate(
        _ space: Workspace, _ model: String, _ task: FinetuneOptions.Task = Workspace.state, out: String? = nil,
        warnings: Log? = nil, threads: Int = 2
    ) throws -> EvaluationReport {
        var options = EvaluateOptions(task)
        options.threads = threads
        return try Training.evaluate(
            [Fixture.labelled], of: model, options: options, writingTo: out.map { space.path($0) },
            control: Control(warning: { warnings?.add($0) }))
    }

    @Test("tested cells have the probabilities that fine-tuning gave them; the same bytes for any number of threads")
    func cells() throws {
        let space = try Workspace()
        try space.finetune("tuned")
        let warnings = Log()
        let report = try Self.evaluate(space, space.path("tuned"), out: "one", warnings: warnings)
        #expect(report.task == "cell" && report.scores.count == 240 && report.leftOut == ["rare": 3])
        #expect(warnings.lines.contains { $0.contains("rare (3)") })
        #expect((report.scores.auc ?? 0) > 0.97 && report.calibration.expectedError < 0.3)
        let all = Dictionary(uniqueKeysWithValues: try Predictions(space.path("one")).rows.map { ($0.name, $0) })
        let tested = try Predictions(space.path("tuned")).rows
        #expect(tested.count == 48 && all.count == 240)
        for row in tested {
            #expect(all[row.name]?.probabilities == row.probabilities && all[row.name]?.truth == row.truth)
        }
        _ = try Self.evaluate(space, space.path("tuned"), out: "other", threads: 1)
        #expect(try space.bytes("one") == space.bytes("other"))
        #expect(
            try space.bytes("one").keys.sorted() == [
                "calibration.svg", "classes.tsv", "confusion_matrix.svg", "confusion_matrix.tsv", "predictions.tsv",
                "roc.svg",
                "roc.tsv",
            ])
    }

    @Test("a gene has the mean over all cells that have it")
    func genes() throws {
        let space = try Workspace()
        let table = try space.geneTable()
        try space.finetune("tuned", .gene(classes: table))
        let report = try Self.evaluate(space, space.path("tuned"), .gene(classes: table), out: "one")
        #expect(report.task == "gene" && report.scores.count == 40 && (report.scores.auc ?? 0) > 0.9)
        let all = Dictionary(uniqueKeysWithValues: try Predictions(space.path("one")).rows.map { ($0.name, $0) })
        // The test of fine-tuning saw the same cells.
        let tested = try Predictions(space.path("tuned")).rows
        #expect(tested.count == 8)
        for row in tested {
            for (a, b) in zip(all[row.name]?.probabilities ?? [], row.probabilities) { #expect(abs(a - b) < 2e-6) }
        }
    }

    @Test("what is no classifier, of the other kind, or has other classes is refused")
    func refusals() throws {
        let space = try Workspace()
        let table = try space.geneTable()
        try space.finetune("cells") { $0.epochs = 1 }
        try space.finetune("genes", .gene(classes: table)) { $0.epochs = 1 }
        func refused(
            _ code: EmbDBError.Code, _ words: [String], _ model: String, _ task: FinetuneOptions.Task = Workspace.state,
            out: String? = nil
        ) {
            let error = #expect(throws: EmbDBError.self) { try Self.evaluate(space, model, task, out: out) }
            #expect(error?.code == code, "\(error?.message ?? "")")
            for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
        }
        refused(.model, ["no classifier", "finetune"], space.model)
        refused(.usage, ["--label instead of --classes"], space.path("cells"), .gene(classes: table))
        refused(.usage, ["--classes instead of --label"], space.path("genes"))
        refused(.nothingFound, ["healthy, sick"], space.path("cells"), .cell(label: "tissue"))
        refused(.usage, ["--label score"], space.path("cells"), .cell(label: "score"))
        let before = try space.bytes("cells")
        refused(.usage, ["--out", "another"], space.path("cells"), out: "cells")
        #expect(try space.bytes("cells") == before)
    }
}
