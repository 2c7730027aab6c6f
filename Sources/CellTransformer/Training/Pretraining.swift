internal import Numerics

/// Masked-gene learning over a corpus: which cells a step takes, which genes are hidden, and how well those of held-out
/// cells are found again. All of it follows from the seed and the number of the step, so that a training can be taken up
/// at any step.
package struct Pretraining<Cells: TrainingCells> {
    /// How well hidden genes of held-out cells are found.
    package struct Evaluation: Sendable, Equatable {
        package var cells = 0
        /// Hidden genes.
        package var genes = 0
        /// Mean cross entropy, in nats.
        package var loss = 0.0
        /// Share of the hidden genes that had the largest logit.
        package var accuracy = 0.0
    }

    package let cells: Cells
    package let heldOut: Cells
    package let training: ModelTraining
    private let masking: GeneMasking
    private let batchSize: Int
    private let seed: UInt64
    private var epoch = -1
    private var order: [[Int]] = []

    /// - Parameters:
    ///   - cells: at least one.
    ///   - batchSize: cells of a step.
    package init(
        _ cells: Cells, heldOut: Cells, masking: GeneMasking, training: ModelTraining, batchSize: Int, seed: UInt64
    ) {
        precondition(cells.count > 0 && batchSize > 0, "nothing to learn from")
        self.cells = cells
        self.heldOut = heldOut
        self.masking = masking
        self.training = training
        self.batchSize = batchSize
        self.seed = seed
    }

    /// Steps of one pass over all cells.
    package static func stepsOfEpoch(cells: Int, batchSize: Int) -> Int { (cells + batchSize - 1) / batchSize }

    private var stepsOfEpoch: Int { Self.stepsOfEpoch(cells: cells.count, batchSize: batchSize) }

    /// Passes over all cells so far, and the share of the present one.
    package var epochs: Double { Double(training.step) / Double(stepsOfEpoch) }

    private enum Purpose: UInt64 { case order = 1, masks, dropout, heldOut }

    private func seed(_ purpose: Purpose, _ number: Int) -> UInt64 {
        SeededRandom.mixed(SeededRandom.mixed(seed &+ purpose.rawValue &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(number))
    }

    /// The next step. Returns what it did, and its cells.
    ///
    /// - Throws: what `Cells` throws, and `TransformerError`.
    package mutating func step() throws -> (update: ModelTraining.Update, cells: Int, tokens: Int) {
        let number = training.step
        if number / stepsOfEpoch != epoch {
            epoch = number / stepsOfEpoch
            let cells = cells
            order = LengthGroups.batches(count: cells.count, size: batchSize, seed: seed(.order, epoch)) {
                cells.length($0)
            }
        }
        var random = SeededRandom(seed: seed(.masks, number))
        let examples = try order[number % stepsOfEpoch].map { masking(try cells.tokens($0), random: &random) }
        let update = try training.update(examples, seed: seed(.dropout, number))
        return (update, examples.count, examples.reduce(0) { $0 + $1.tokens.count })
    }

    /// The loss over held-out cells, or so many of them, spread evenly; the same genes are hidden every time.
    package func evaluate(atMost limit: Int, progress: (Int, Int) throws -> Void = { _, _ in }) throws -> Evaluation {
        var result = Evaluation()
        var hits = 0
        let count = min(limit, heldOut.count)
        for start in stride(from: 0, to: count, by: batchSize) {
            try progress(start, count)
            let examples = try (start..<min(count, start + batchSize)).map { index in
                let cell = index * heldOut.count / count
                var random = SeededRandom(seed: seed(.heldOut, cell))
                return masking(try heldOut.tokens(cell), random: &random)
            }
            let genes = examples.reduce(0) { $0 + $1.labels.count }
            let loss = try training.loss(examples)
            result.cells += examples.count
            result.genes += genes
            result.loss += loss.loss * Double(genes)
            hits += loss.hits
        }
        if result.genes > 0 {
            result.loss /= Double(result.genes)
            result.accuracy = Double(hits) / Double(result.genes)
        }
        return result
    }
}
