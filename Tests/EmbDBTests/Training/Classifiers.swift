import EmbDB
import Foundation
import Testing

/// What a fine-tuning or an evaluation wrote, read back.
struct Predictions {
    struct Row: Equatable {
        var name: String
        var fold: String
        var truth: String
        var prediction: String
        var probabilities: [Double]
    }

    let classes: [String]
    let rows: [Row]

    init(_ folder: String) throws {
        let lines = try String(contentsOfFile: folder + "/predictions.tsv", encoding: .utf8).split(separator: "\n").map
        {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        classes = lines[0].dropFirst(4).map { String($0.dropFirst("probability_".count)) }
        rows = lines.dropFirst().map {
            Row(
                name: $0[0], fold: $0[1], truth: $0[2], prediction: $0[3],
                probabilities: $0[4...].compactMap { Double($0) })
        }
    }
}

/// Fine-tunes the workspace's tiny model, fast: a high learning rate and few passes.
extension Workspace {
    static let state = FinetuneOptions.Task.cell(label: "state")

    @discardableResult
    func finetune(
        _ name: String, _ task: FinetuneOptions.Task = state, from model: String? = nil,
        files: [String] = [Fixture.labelled],
        warnings: Log? = nil, _ change: (inout FinetuneOptions) -> Void = { _ in }
    ) throws -> FinetuneReport {
        var options = FinetuneOptions(task)
        options.learningRate = 1e-2
        options.epochs = 4
        options.threads = 2
        change(&options)
        return try Training.finetune(
            files, from: model ?? self.model, into: path(name), options: options,
            control: Control(warning: { warnings?.add($0) }))
    }

    /// Expects a failure that says all of `words`, and no folder after it.
    func refused(
        _ code: EmbDBError.Code, _ words: [String], _ task: FinetuneOptions.Task = state,
        files: [String] = [Fixture.labelled],
        sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout FinetuneOptions) -> Void = { _ in }
    ) {
        let error = #expect(throws: EmbDBError.self, sourceLocation: sourceLocation) {
            try finetune("refused", task, files: files, change)
        }
        #expect(error?.code == code, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        for word in words {
            #expect(
                error?.message.contains(word) == true, "\(word): \(error?.message ?? "")",
                sourceLocation: sourceLocation)
        }
        #expect(!FileManager.default.fileExists(atPath: path("refused")), sourceLocation: sourceLocation)
    }

    /// All files of a folder, but for the weights' own name of the training.
    func bytes(_ name: String) throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: path(name))
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: path(name) + "/" + $0))) })
    }

    /// A table of genes and classes: those of even number are much expressed, those of odd number little.
    func geneTable(
        _ name: String = "genes.tsv", genes: [Int] = Array(21...60), header: String = "gene\tclass",
        _ line: (Int) -> String = { "ENSG\(String(format: "%011d", $0))\t\($0 % 2 == 0 ? "much" : "little")" }
    ) throws -> String {
        let text = ([header] + genes.map(line)).joined(separator: "\n") + "\n"
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }
}
