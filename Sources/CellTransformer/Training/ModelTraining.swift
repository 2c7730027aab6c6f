internal import Numerics

/// A model that learns: examples go in, its parameters change.
package final class ModelTraining {
    /// How it learns.
    package struct Options: Sendable, Equatable {
        package var rate: LearningRate
        package var optimizer = AdamW.Options()
        /// The largest norm of a step's gradient; a longer one is shortened to it.
        package var largestNorm = 1.0
        package var dropout = Dropout()
        /// Which parameters stay as they are, by the beginning of their names.
        package var frozen: [String] = []
        /// Rows, which are tokens of cells, that are in memory together: a step of more goes in pieces whose gradients are
        /// summed. What a step does depends on it by no more than rounding and dropout.
        package var rowsAtOnce = 8192
        package var threads = 1

        package init(rate: LearningRate) { self.rate = rate }
    }

    /// What a step did.
    package struct Update: Sendable, Equatable {
        /// The mean cross entropy of the targets, by their weights, in nats.
        package var loss: Double
        package var rate: Double
        /// The norm of the gradient before it was shortened.
        package var norm: Double
    }

    package let task: TrainingTask
    package let options: Options
    package let optimizer: AdamW
    private let trainer: BertTrainer

    package var parameters: Parameters { trainer.parameters }
    package var configuration: BertConfiguration { trainer.configuration }
    /// Updates so far.
    package var step: Int { optimizer.step }

    package init(_ weights: BertWeights, task: TrainingTask, options: Options) {
        self.task = task
        self.options = options
        trainer = BertTrainer(
            weights.configuration, Parameters(copying: weights), dropout: options.dropout, threads: options.threads)
        optimizer = AdamW(weights.layout, options.optimizer)
    }

    /// One step: the gradient of all examples' mean loss, shortened, then AdamW at the schedule's rate.
    ///
    /// - Parameter seed: decides what dropout drops.
    /// - Throws: ``TransformerError`` as ``BertTrainer/accumulate(_:_:_:seed:onlyLoss:)``; `notFinite` where the loss or the
    ///   gradient is no number any more: then nothing was changed.
    package func update(_ examples: [TrainingExample], seed: UInt64) throws(TransformerError) -> Update {
        trainer.gradients.removeAll()
        let loss = try run(examples, seed: seed, onlyLoss: false).loss
        let norm = trainer.gradients.clip(to: options.largestNorm)
        guard loss.isFinite, norm.isFinite else {
            throw TransformerError(
                .notFinite,
                detail:
                    "the loss is \(loss), the norm of its gradient \(norm), after \(step) steps: the learning rate is "
                    + "too high, or the model that was begun with is broken")
        }
        let rate = options.rate(step)
        optimizer.update(
            trainer.parameters, by: trainer.gradients, rate: Float(rate), threads: options.threads
        ) { [frozen = options.frozen] name in frozen.contains { name.hasPrefix($0) } }
        return Update(loss: loss, rate: rate, norm: norm)
    }

    /// The mean cross entropy of the examples' targets and how many of them have the largest logit; nothing is dropped, and
    /// nothing learned.
    package func loss(_ examples: [TrainingExample]) throws(TransformerError) -> TrainingLoss {
        try run(examples, seed: 0, onlyLoss: true)
    }

    private func run(
        _ examples: [TrainingExample], seed: UInt64, onlyLoss: Bool
    ) throws(TransformerError) -> TrainingLoss {
        let total = examples.reduce(0) { $0 + $1.totalWeight }
        guard total > 0 else { return TrainingLoss() }
        var loss = TrainingLoss()
        var next = 0
        var piece: UInt64 = 0
        while next < examples.count {
            var batch = TrainingBatch()
            var targets = TrainingTargets(rows: [], labels: [])
            repeat {
                let example = examples[next]
                targets.rows += example.positions.map { batch.rows + $0 }
                targets.labels += example.labels
                targets.weights +=
                    example.weights.isEmpty
                    ? Array(repeating: Float(1 / total), count: example.labels.count)
                    : example.weights.map { Float(Double($0) / total) }
                batch.add(example.tokens)
                next += 1
            } while next < examples.count && batch.rows + examples[next].tokens.count <= options.rowsAtOnce
            loss += try trainer.accumulate(
                batch, targets, task, seed: SeededRandom.mixed(seed &+ piece), onlyLoss: onlyLoss)
            piece += 1
        }
        return loss
    }
}
