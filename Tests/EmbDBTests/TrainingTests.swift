import CellTransformer
import Checkpoints
import EmbDB
import Foundation
import Synchronization
import TestSupport
import Testing

/// Trainings through the library. Those of the built program, and of kills, are in EndToEndTests.
@Suite("Training")
struct TrainingTests {
    private static func options(_ space: Workspace, steps: Int = 12) -> PretrainOptions {
        var options = PretrainOptions()
        options.from = space.model
        options.steps = steps
        options.batch = 6
        options.holdOut = 0.2
        return options
    }

    private static func contents(_ folder: String) throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)"))) })
    }

    @Test("a model that is gone on with keeps its vocabulary, with <cls> and without", arguments: [false, true])
    func goingOn(isV2: Bool) throws {
        let space = try Workspace(isV2: isV2)
        let report = try Training.pretrain([Fixture.small], into: space.path("more"), options: Self.options(space))
        // One of 48 has no known gene.
        #expect(report.cells + report.heldOutCells == 47 && report.cellsWithoutKnownGene == 1)
        #expect(report.steps == 12 && report.heldOutCells > 0)
        #expect(report.model.kind == (isV2 ? "Geneformer V2" : "Geneformer V1") && !report.model.isUntrained)
        #expect((report.heldOutLoss ?? 0) > 1 && (report.heldOutLoss ?? 9) < 5)
        let vocabulary = try String(contentsOfFile: space.path("more/vocabulary.tsv"), encoding: .utf8)
        #expect(vocabulary == space.tiny.vocabulary)
        // Two files' cells are learned from as well.
        let both = try Training.pretrain(
            [Fixture.small, Fixture.large], into: space.path("both"), options: Self.options(space, steps: 1))
        #expect(both.cells + both.heldOutCells + both.cellsWithoutKnownGene == 2548)
    }

    @Test("of a model with other heads the encoder and the masked-gene head are gone on with")
    func otherHeads() throws {
        let space = try Workspace()
        let configuration = try BertConfiguration(
            vocabularySize: space.tiny.vocabularySize, hiddenSize: TinyModel.hidden, layerCount: 2, headCount: 2,
            feedForwardSize: 32, maximumLength: space.tiny.maximumLength)
        let weights = BertWeights(
            configuration, heads: BertHeads(languageModel: true, pooler: true, labels: 3), seed: 5)
        try Safetensors.write(weights, to: space.model + "/model.safetensors")
        var options = Self.options(space, steps: 2)
        // The first step's rate is 0, the second's is next to nothing.
        options.learningRate = 1e-30
        options.weightDecay = 1
        _ = try Training.pretrain([Fixture.small], into: space.path("more"), options: options)
        let made = try SafetensorsFile(path: space.path("more/model.safetensors"))
        let kept = weights.tensorNames.filter { !$0.hasPrefix("bert.pooler") && !$0.hasPrefix("classifier") }
        #expect(made.tensorNames == kept && kept.count < weights.tensorNames.count)
        for name in kept {
            let difference = zip(try made.floats(name), try weights.floats(name)).reduce(Float(0)) {
                max($0, ($1.0 - $1.1).magnitude)
            }
            #expect(difference < 1e-20, "\(name)")
        }
    }

    @Test("a folder that was refused is free again in the same process")
    func refusedFolder() throws {
        let space = try Workspace()
        let folder = space.path("folder")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "{}".write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        let error = #expect(throws: EmbDBError.self) {
            try Training.pretrain([Fixture.small], into: folder, options: Self.options(space))
        }
        #expect(error?.code == .usage)
        try FileManager.default.removeItem(atPath: folder + "/config.json")
        #expect(try Training.pretrain([Fixture.small], into: folder, options: Self.options(space)).steps == 12)
    }

    @Test("stopped after any step by its control, it goes on to the same bytes; a damaged checkpoint is named")
    func stopping() throws {
        let space = try Workspace()
        var options = Self.options(space)
        try _ = Training.pretrain([Fixture.small], into: space.path("whole"), options: options)
        let expected = try Self.contents(space.path("whole"))
        options.resume = true
        for last in [1, 5, 9, 10, 11] {
            let folder = space.path("stopped\(last)")
            let isStopped = Mutex(false)
            let error = #expect(throws: EmbDBError.self) {
                try Training.pretrain(
                    [Fixture.small], into: folder, options: options,
                    control: Control(
                        progress: {
                            if $0.phase == "training", $0.done == 6 * last { isStopped.withLock { $0 = true } }
                        },
                        isCancelled: { isStopped.withLock { $0 } }))
            }
            #expect(error?.code == .cancelled)
            #expect(error?.message.contains("after \(last) of 12 steps") == true, "\(error?.message ?? "")")
            if last == 5 {
                let checkpoint = folder + "/training.checkpoint"
                let whole = try Data(contentsOf: URL(fileURLWithPath: checkpoint))
                try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: checkpoint))
                let damaged = #expect(throws: EmbDBError.self) {
                    try Training.pretrain([Fixture.small], into: folder, options: options)
                }
                #expect(damaged?.code == .model && damaged?.message.contains(checkpoint) == true)
                try whole.write(to: URL(fileURLWithPath: checkpoint))
                let log = folder + "/training.tsv"
                let rows = try Data(contentsOf: URL(fileURLWithPath: log))
                try FileManager.default.removeItem(atPath: log)
                let gone = #expect(throws: EmbDBError.self) {
                    try Training.pretrain([Fixture.small], into: folder, options: options)
                }
                #expect(gone?.code == .storage && gone?.message.contains("gone") == true)
                try rows.write(to: URL(fileURLWithPath: log))
            }
            let report = try Training.pretrain([Fixture.small], into: folder, options: options)
            #expect(report.wasResumed && report.steps == 12)
            let isSame = try Self.contents(folder) == expected
            #expect(isSame, "stopped after \(last)")
        }
    }

    @Test("what a killed training had begun to write is cleared away, and nothing else")
    func remains() throws {
        let space = try Workspace()
        let folder = space.path("folder")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (remains, others) = (
            [
                "training.checkpoint.partial", "model.safetensors.partial", "config.json.embdb-partial-1",
                "vocabulary.tsv.embdb-partial-2", ".embdb-partial-3",
            ], ["x.npy.embdb-partial-4", "notes.partial"]
        )
        for name in remains + others { try Data([1]).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        _ = try Training.pretrain([Fixture.small], into: folder, options: Self.options(space))
        let left = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
        #expect(
            left
                == Set(others + ["config.json", "held_out.tsv", "model.safetensors", "training.tsv", "vocabulary.tsv"]))
    }
}
