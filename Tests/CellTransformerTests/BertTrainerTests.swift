import CellTransformer
import Numerics
import Testing

/// Gradients against differences of the loss, on random models.
@Suite("Gradients")
struct BertTrainerTests {
    struct Case: Sendable {
        let hidden, layers, heads, feedForward, vocabulary: Int
        let activation: BertConfiguration.Activation
        let lengths: [Int]
        let task: TrainingTask
        let dropout: Dropout
    }

    static let cases = [
        Case(
            hidden: 24, layers: 2, heads: 3, feedForward: 40, vocabulary: 61, activation: .gelu,
            lengths: [1, 7, 70, 13],
            task: .maskedGenes, dropout: Dropout()),
        Case(
            hidden: 20, layers: 3, heads: 2, feedForward: 17, vocabulary: 700, activation: .relu,
            lengths: [130, 5, 66],
            task: .maskedGenes, dropout: Dropout(hidden: 0.2, attention: 0.1)),
        Case(
            hidden: 16, layers: 1, heads: 1, feedForward: 33, vocabulary: 40, activation: .gelu, lengths: [9, 3, 20],
            task: .cells, dropout: Dropout(hidden: 0.1, attention: 0.3)),
        Case(
            hidden: 16, layers: 2, heads: 4, feedForward: 24, vocabulary: 40, activation: .gelu, lengths: [90, 4],
            task: .genes, dropout: Dropout(hidden: 0.1)),
    ]

    private func make(_ example: Case, threads: Int) throws -> (BertTrainer, TrainingBatch, TrainingTargets) {
        let configuration = try BertConfiguration(
            vocabularySize: example.vocabulary, hiddenSize: example.hidden, layerCount: example.layers,
            headCount: example.heads, feedForwardSize: example.feedForward, maximumLength: 140,
            activation: example.activation, layerNormEpsilon: 1e-5)
        let heads =
            switch example.task {
            case .maskedGenes: BertHeads.languageModel
            case .cells: BertHeads(pooler: true, labels: 3)
            case .genes: BertHeads(labels: 3)
            }
        let parameters = Parameters(copying: BertWeights(configuration, heads: heads, seed: 5))
        var random = SeededRandom(seed: 6)
        // Far from the start of a training, where most gradients are tiny.
        for index in parameters.values.indices { parameters.values[index] += Float(0.2 * random.normal()) }
        var batch = TrainingBatch()
        var rows: [Int] = []
        for length in example.lengths {
            if case .cells = example.task { rows.append(batch.rows) }
            batch.add((0..<length).map { _ in UInt32(1 + random.uniform() * Double(example.vocabulary - 1)) })
        }
        if rows.isEmpty { rows = (0..<batch.rows).filter { $0 % 3 == 0 } }
        let labels = rows.map { $0 % (example.task.isMaskedGenes ? example.vocabulary : 3) }
        let trainer = BertTrainer(configuration, parameters, dropout: example.dropout, threads: threads)
        return (trainer, batch, TrainingTargets(rows: rows, labels: labels))
    }

    @Test("agree with the loss's differences along directions in every tensor, dropout included", arguments: cases)
    func differences(example: Case) throws {
        let (trainer, batch, targets) = try make(example, threads: 2)
        _ = try trainer.accumulate(batch, targets, example.task, seed: 11)
        let gradient = Array(trainer.gradients.values)
        let start = Array(trainer.parameters.values)
        var random = SeededRandom(seed: 7)
        for parameter in trainer.layout.parameters where !parameter.name.hasSuffix("key.bias") {
            let range = parameter.offset..<parameter.offset + parameter.count
            var direction = range.map { _ in Float(random.normal()) }
            // Half of the way along the gradient, so that there is something to see in large tensors.
            let size = gradient[range].reduce(0) { $0 + $1 * $1 }.squareRoot()
            let scale = Float(parameter.count).squareRoot()
            for (index, place) in range.enumerated() {
                direction[index] = direction[index] / scale + (size > 0 ? gradient[place] / size : 0)
            }
            let step: Float = 4e-3
            var losses: [Double] = []
            for sign in [Float(1), -1] {
                for (index, place) in range.enumerated() {
                    trainer.parameters.values[place] = start[place] + sign * step * direction[index]
                }
                losses.append(try trainer.accumulate(batch, targets, example.task, seed: 11).loss)
            }
            for place in range { trainer.parameters.values[place] = start[place] }
            let found = (losses[0] - losses[1]) / Double(2 * step)
            let expected = zip(gradient[range], direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let tolerance = 0.02 * Double(size) + 2e-3
            #expect((found - expected).magnitude <= tolerance, "\(parameter.name): \(found), \(expected)")
        }
    }

    @Test("are the same bytes for any number of threads, and add up over batches", arguments: cases)
    func threads(example: Case) throws {
        let (one, batch, targets) = try make(example, threads: 1)
        let loss = try one.accumulate(batch, targets, example.task, seed: 3)
        for threads in [2, 5] {
            let (other, _, _) = try make(example, threads: threads)
            let again = try other.accumulate(batch, targets, example.task, seed: 3)
            #expect(again.loss == loss.loss && again.hits == loss.hits)
            #expect(other.gradients.values.map(\.bitPattern) == one.gradients.values.map(\.bitPattern))
        }
        let once = Array(one.gradients.values)
        _ = try one.accumulate(batch, targets, example.task, seed: 3)
        for (a, b) in zip(once, one.gradients.values) { #expect((2 * a - b).magnitude <= 1e-4 * (1 + a.magnitude)) }
        let before = Array(one.gradients.values)
        _ = try one.accumulate(batch, targets, example.task, onlyLoss: true)
        #expect(Array(one.gradients.values) == before)
    }

    @Test("without dropout the forward pass is the encoder's")
    func encoder() throws {
        let model = try TinyModel()
        let weights = try model.weights()
        let trainer = BertTrainer(model.configuration, Parameters(copying: weights))
        let cell = model.cell(20)
        var workspace = BertWorkspace(model.configuration)
        let encoder = BertEncoder(weights)
        try encoder.forward(cell.span, through: model.configuration.layerCount, workspace: &workspace)
        let logits = try encoder.logits(at: 0..<20, workspace: &workspace)
        let labels = cell.map { Int($0) }
        var expected = 0.0
        for row in 0..<20 {
            let values = logits[row: row].map { Double($0) }
            let top = values.max() ?? 0
            let sum = values.reduce(0) { $0 + exponential($1 - top) }
            expected += (top + logarithm(sum) - values[labels[row]]) / 20
        }
        let loss = try trainer.accumulate(
            TrainingBatch([cell]), TrainingTargets(rows: Array(0..<20), labels: labels), .maskedGenes, onlyLoss: true)
        #expect((loss.loss - expected).magnitude < 1e-5)
    }

    @Test("a training of some steps learns what can be learned")
    func learning() throws {
        let (trainer, batch, targets) = try make(Self.cases[0], threads: 2)
        let optimizer = AdamW(trainer.layout)
        let rate = LearningRate(highest: 3e-3, warmUpSteps: 5, steps: 80, shape: .cosine)
        var losses: [Double] = []
        for step in 0..<80 {
            trainer.gradients.removeAll()
            losses.append(try trainer.accumulate(batch, targets, .maskedGenes, seed: UInt64(step)).loss)
            trainer.gradients.clip(to: 1)
            #expect(trainer.gradients.norm < 1.0001)
            optimizer.update(trainer.parameters, by: trainer.gradients, rate: Float(rate(step)), threads: 2)
        }
        #expect(losses[79] < 0.1 * losses[0], "\(losses[0]) \(losses[79])")
    }
}

extension TrainingTask {
    fileprivate var isMaskedGenes: Bool { if case .maskedGenes = self { true } else { false } }
}
