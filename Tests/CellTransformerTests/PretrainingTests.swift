import CellTransformer
import Checkpoints
import Foundation
import Numerics
import TestSupport
import Testing

@Suite("Masked-gene learning")
struct PretrainingTests {
    // MARK: Masking

    @Test(
        "15 % of positions are chosen, of these 80 % hidden, 10 % random, 10 % as they were; specials but <cls> never")
    func masking() {
        let masking = GeneMasking(vocabularySize: 1000, mask: 1, pad: 0)
        var random = SeededRandom(seed: 3)
        var (positions, hidden, same, other) = (0, 0, 0, 0)
        let cell = [UInt32](10..<510) + [0, 1]
        for _ in 0..<400 {
            let example = masking(cell, random: &random)
            #expect(example.tokens.count == cell.count && example.positions.count == example.labels.count)
            #expect(Set(example.positions).count == example.positions.count)
            for (position, label) in zip(example.positions, example.labels) {
                #expect(position < 500 && label == Int(cell[position]))
                switch example.tokens[position] {
                case 1: hidden += 1
                case cell[position]: same += 1
                default: other += 1
                }
            }
            for position in cell.indices where !example.positions.contains(position) {
                #expect(example.tokens[position] == cell[position])
            }
            positions += example.positions.count
        }
        let all = Double(positions)
        // Five standard deviations of 200,000 and 30,000 draws.
        #expect((all / 200_000 - 0.15).magnitude < 0.004)
        #expect((Double(hidden) / all - 0.8).magnitude < 0.012)
        #expect((Double(same) / all - 0.1).magnitude < 0.009)
        #expect((Double(other) / all - 0.1).magnitude < 0.009)
    }

    @Test("a cell of one gene has something to learn")
    func shortCells() {
        let masking = GeneMasking(vocabularySize: 10, mask: 1, pad: 0)
        var random = SeededRandom(seed: 1)
        for _ in 0..<50 { #expect(masking([5], random: &random).labels == [5]) }
        #expect(masking([], random: &random).labels.isEmpty)
        #expect(masking([1], random: &random).labels.isEmpty)
    }

    // MARK: Order

    @Test("each cell comes once an epoch, in batches of like length, the longest first; the order is the seed's")
    func lengthGroups() {
        var random = SeededRandom(seed: 9)
        let lengths = (0..<1003).map { _ in Int(random.uniform() * 500) + 1 }
        func batches(_ seed: UInt64) -> [[Int]] {
            LengthGroups.batches(count: 1003, size: 4, seed: seed) { lengths[$0] }
        }
        let order = batches(1)
        #expect(order.flatMap { $0 }.sorted() == Array(0..<1003))
        #expect(order.allSatisfy { $0.count == 4 } == false && order.dropLast().allSatisfy { $0.count == 4 })
        #expect(lengths[order[0][0]] == lengths.max())
        #expect(order == batches(1) && order != batches(2))
        // What shuffled batches of four would have is some 300.
        let spreads = order.dropFirst().dropLast().map { batch in
            (batch.map { lengths[$0] }.max() ?? 0) - (batch.map { lengths[$0] }.min() ?? 0)
        }
        #expect(spreads.sorted()[spreads.count / 2] < 30)
        #expect(LengthGroups.batches(count: 3, size: 8, seed: 1) { _ in 1 }.map { $0.sorted() } == [[0, 1, 2]])
    }

    // MARK: Learning

    /// Cells of two kinds: each has the genes of its kind, in an order that is nearly always the same.
    private static func cells(_ count: Int, seed: UInt64) -> CellsInMemory {
        var random = SeededRandom(seed: seed)
        return CellsInMemory(
            (0..<count).map { _ in
                let first: UInt32 = random.uniform() < 0.5 ? 2 : 22
                var genes = (0..<20).map { first + UInt32($0) }
                let place = Int(random.uniform() * 19)
                genes.swapAt(place, place + 1)
                return Array(genes.prefix(10 + Int(random.uniform() * 10)))
            })
    }

    private static func pretraining(
        steps: Int, threads: Int = 1, rowsAtOnce: Int = 8192, dropout: Float = 0.05
    ) throws -> Pretraining<CellsInMemory> {
        let configuration = try BertConfiguration(
            vocabularySize: 42, hiddenSize: 32, layerCount: 2, headCount: 2, feedForwardSize: 64, maximumLength: 20)
        var options = ModelTraining.Options(rate: LearningRate(highest: 5e-3, warmUpSteps: 20, steps: steps))
        options.dropout = Dropout(hidden: dropout, attention: dropout)
        options.threads = threads
        options.rowsAtOnce = rowsAtOnce
        return Pretraining(
            cells(200, seed: 1), heldOut: cells(60, seed: 2),
            masking: GeneMasking(vocabularySize: 42, mask: 1, pad: 0),
            training: ModelTraining(
                BertWeights(configuration, seed: 4), task: .maskedGenes, options: options), batchSize: 8, seed: 5)
    }

    @Test("it learns the genes of held-out cells, far beyond their frequencies")
    func learning() throws {
        var pretraining = try Self.pretraining(steps: 600, threads: 2)
        let before = try pretraining.evaluate(atMost: 60)
        #expect(before.cells == 60 && before.genes > 60 && (before.loss - Foundation.log(42)).magnitude < 0.2)
        while pretraining.training.step < 600 { _ = try pretraining.step() }
        let after = try pretraining.evaluate(atMost: 60)
        // A model that knew frequencies alone would have about ln 40 = 3.69 and 2.5 %.
        #expect(after.loss < 1.8 && after.accuracy > 0.4, "\(after)")
        #expect(try pretraining.evaluate(atMost: 60) == after)
        #expect(try pretraining.evaluate(atMost: 7).cells == 7)
        #expect(pretraining.epochs == 24)
    }

    @Test("the same bytes for any number of threads; pieces of a step change rounding and dropout alone")
    func threads() throws {
        func parameters(_ threads: Int, _ rows: Int, dropout: Float) throws -> [Float] {
            var pretraining = try Self.pretraining(steps: 40, threads: threads, rowsAtOnce: rows, dropout: dropout)
            for _ in 0..<8 { _ = try pretraining.step() }
            return Array(pretraining.training.parameters.values)
        }
        let one = try parameters(1, 8192, dropout: 0.1)
        #expect(try parameters(3, 8192, dropout: 0.1).map(\.bitPattern) == one.map(\.bitPattern))
        let (whole, pieces) = (try parameters(1, 8192, dropout: 0), try parameters(2, 30, dropout: 0))
        #expect(zip(whole, pieces).allSatisfy { ($0 - $1).magnitude < 2e-3 })
    }

    @Test("goes on from a checkpoint as if it had not been stopped")
    func resume() throws {
        let folder = try TemporaryFolder()
        let file = folder.file("checkpoint")
        var whole = try Self.pretraining(steps: 60)
        var losses: [Double] = []
        for _ in 0..<60 { losses.append(try whole.step().update.loss) }

        var first = try Self.pretraining(steps: 60)
        for _ in 0..<33 { _ = try first.step() }
        try TrainingCheckpoint.write(first.training, words: ["note": "33"], to: file)
        #expect(try TrainingCheckpoint.words(file)["note"] == "33")

        var second = try Self.pretraining(steps: 60)
        try TrainingCheckpoint.read(file, into: second.training)
        #expect(second.training.step == 33)
        for step in 33..<60 { #expect(try second.step().update.loss == losses[step]) }
        #expect(
            second.training.parameters.values.map(\.bitPattern) == whole.training.parameters.values.map(\.bitPattern))
    }

    @Test("a checkpoint of another model, or none, is refused by name")
    func otherCheckpoint() throws {
        let folder = try TemporaryFolder()
        let pretraining = try Self.pretraining(steps: 10)
        let file = folder.file("weights.safetensors")
        try Safetensors.write(pretraining.training.parameters, to: file)
        #expect(throws: CheckpointError.self) { try TrainingCheckpoint.read(file, into: pretraining.training) }
        let configuration = try BertConfiguration(
            vocabularySize: 42, hiddenSize: 16, layerCount: 2, headCount: 2, feedForwardSize: 64, maximumLength: 20)
        let other = ModelTraining(
            BertWeights(configuration, seed: 4), task: .maskedGenes,
            options: .init(rate: LearningRate(highest: 1, warmUpSteps: 0, steps: 1)))
        try TrainingCheckpoint.write(other, words: [:], to: file)
        let error = #expect(throws: CheckpointError.self) {
            try TrainingCheckpoint.read(file, into: pretraining.training)
        }
        #expect(error?.code == .wrongShape && error?.tensor?.isEmpty == false)
    }

    @Test("frozen parameters stay, and a loss that is no number changes nothing")
    func frozen() throws {
        let configuration = try BertConfiguration(
            vocabularySize: 42, hiddenSize: 16, layerCount: 2, headCount: 2, feedForwardSize: 24, maximumLength: 20)
        let weights = BertWeights(configuration, heads: BertHeads(pooler: true, labels: 2), seed: 1)
        var options = ModelTraining.Options(rate: LearningRate(highest: 0.01, warmUpSteps: 0, steps: 100))
        options.frozen = ["bert.encoder.layer.0."]
        let training = ModelTraining(weights, task: .cells, options: options)
        let examples = (0..<6).map { number in
            TrainingExample(tokens: [UInt32(2 + number), 9, 8], positions: [0], labels: [number % 2])
        }
        for step in 0..<5 { _ = try training.update(examples, seed: UInt64(step)) }
        for parameter in weights.layout.parameters where parameter.name.hasSuffix("dense.weight") {
            let isSame = try training.parameters.floats(parameter.name) == weights.floats(parameter.name)
            #expect(isSame == parameter.name.hasPrefix("bert.encoder.layer.0."), "\(parameter.name)")
        }
        let before = Array(training.parameters.values)
        training.parameters.values[training.parameters.layout.wordEmbeddings + 9 * 16] = .infinity
        let error = #expect(throws: TransformerError.self) { try training.update(examples, seed: 9) }
        #expect(error?.code == .notFinite)
        training.parameters.values[training.parameters.layout.wordEmbeddings + 9 * 16] =
            before[training.parameters.layout.wordEmbeddings + 9 * 16]
        #expect(Array(training.parameters.values) == before)
    }

    @Test("weights of examples: a class that counts twice is as one that is there twice")
    func weights() throws {
        let configuration = try BertConfiguration(
            vocabularySize: 42, hiddenSize: 16, layerCount: 1, headCount: 2, feedForwardSize: 24, maximumLength: 20)
        let weights = BertWeights(configuration, heads: BertHeads(labels: 3), seed: 1)
        let training = ModelTraining(
            weights, task: .genes, options: .init(rate: LearningRate(highest: 0.01, warmUpSteps: 0, steps: 100)))
        func example(_ weights: [Float]) -> TrainingExample {
            TrainingExample(tokens: [4, 5, 6, 7], positions: [0, 3], labels: [2, 0], weights: weights)
        }
        let one = TrainingExample(tokens: [4, 5, 6, 7], positions: [0], labels: [2])
        let twice = try training.loss([example([]), one]).loss
        #expect((twice - (try training.loss([example([2, 1])]).loss)).magnitude < 1e-6)
        #expect((twice - (try training.loss([example([1, 1])]).loss)).magnitude > 1e-4)
    }
}
