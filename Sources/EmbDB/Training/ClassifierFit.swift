internal import CellTransformer
internal import Foundation
internal import Numerics

/// One classifier: learns from some things until others, held out for it, say that it is enough; and tells things apart.
struct ClassifierFit {
    let data: LabelledCells
    let options: FinetuneOptions
    let control: Control
    /// What the bar says ("fold 2 of 5").
    let name: String

    /// What came out.
    struct Result {
        let weights: BertWeights
        /// Passes until the loss was lowest.
        let epochs: Int
        let rows: [Row]
    }

    /// A row of the log: one pass.
    struct Row {
        var epoch: Int
        var step: Int
        var loss: Double
        var rate: Double
        /// Of what says when to stop; nil if there was nothing left for it.
        var watched: (loss: Double, accuracy: Double)?
    }

    /// Cells that say when to stop, where things are genes, which are seen in many.
    private static let validationCells = 1000

    /// Learns from the things of `isLearned`, and stops by those of `isWatched`.
    func learn(_ start: BertWeights, _ isLearned: [Bool], stoppingBy isWatched: [Bool]) throws -> Result {
        var cells = data.cells(with: isLearned, atMost: options.maximumCells, seed: options.seed)
        let watched = data.cells(
            with: isWatched, atMost: min(Self.validationCells, options.maximumCells), seed: options.seed &+ 1)
        let weights = data.weights(options.classWeights, cells: cells, isLearned)
        let steps = (cells.count + options.batch - 1) / options.batch
        let training = ModelTraining(
            start, task: data.task, options: options.training(steps: steps * options.epochs, of: start.configuration))
        var random = SeededRandom(seed: options.seed)
        var rows: [Row] = []
        var best: (loss: Double, epoch: Int, weights: BertWeights)?
        for epoch in 1...options.epochs {
            cells.shuffle(using: &random)
            var (sum, rate) = (0.0, 0.0)
            for start in stride(from: 0, to: cells.count, by: options.batch) {
                try control.checkCancelled("stopped; no model was written")
                let batch = cells[start..<min(cells.count, start + options.batch)]
                let examples = try batch.map { try data.example($0, isLearned, weights: weights).example }
                let update = try training.update(
                    examples, seed: SeededRandom.mixed(options.seed &+ UInt64(training.step)))
                sum += update.loss
                rate = update.rate
                control.progress(
                    .init(
                        unit: "cells", phase: "training, \(name)",
                        done: (epoch - 1) * cells.count + start + batch.count,
                        total: options.epochs * cells.count, note: String(format: "loss %.3f", update.loss)))
            }
            let seen = try watched.isEmpty ? nil : loss(training, watched, isWatched, weights)
            rows.append(
                Row(epoch: epoch, step: training.step, loss: sum / Double(steps), rate: rate, watched: seen))
            // With nothing to watch, the last pass is the best.
            if seen.map({ $0.loss < best?.loss ?? .infinity }) ?? true {
                best = (
                    seen?.loss ?? 0, epoch, BertWeights(training.configuration, copying: training.parameters)
                )
            }
            if epoch - (best?.epoch ?? epoch) >= options.patience { break }
        }
        guard let best else {
            throw EmbDBError(
                .model, "the loss is no number any more (\(name)): give a lower --learning-rate")
        }
        return Result(weights: best.weights, epochs: best.epoch, rows: rows)
    }

    /// Mean loss over the things of some cells, and the share that has the largest logit; nil if none of them counts, as
    /// where nothing is learned of their classes.
    private func loss(
        _ training: ModelTraining, _ cells: [Int], _ isChosen: [Bool], _ weights: [Float]
    ) throws -> (loss: Double, accuracy: Double)? {
        var (sum, weight, hits, count) = (0.0, 0.0, 0, 0)
        for start in stride(from: 0, to: cells.count, by: options.batch) {
            try control.checkCancelled("stopped; no model was written")
            let examples = try cells[start..<min(cells.count, start + options.batch)].map {
                try data.example($0, isChosen, weights: weights).example
            }
            let own = examples.reduce(0.0) { $0 + $1.weights.reduce(0.0) { $0 + Double($1) } }
            let loss = try training.loss(examples)
            sum += loss.loss * own
            weight += own
            hits += loss.hits
            count += examples.reduce(0) { $0 + $1.labels.count }
        }
        return weight > 0 ? (sum / weight, Double(hits) / Double(max(1, count))) : nil
    }

    /// Class probabilities of the things of `isTested`; of a gene the mean over the cells that have it. Things that are seen
    /// in none of the cells drawn are left out.
    func predict(_ weights: BertWeights, _ isTested: [Bool]) throws -> (things: [Int], probabilities: [Float]) {
        guard let classifier = BertClassifier(weights, threads: options.threads) else { return ([], []) }
        let labels = classifier.labelCount
        let cells = data.cells(with: isTested, atMost: options.maximumCells, seed: options.seed &+ 2)
        var means = MeanProbabilities(things: data.truth.count, labels: labels)
        let even = [Float](repeating: 1, count: labels)
        for start in stride(from: 0, to: cells.count, by: 64) {
            try control.checkCancelled("stopped; no model was written")
            let examples = try cells[start..<min(cells.count, start + 64)].map {
                try data.example($0, isTested, weights: even)
            }
            let found = try classifier.probabilities(
                examples.map(\.example.tokens), positions: examples.map(\.example.positions))
            means.add(found, of: examples.flatMap(\.things))
            control.progress(
                .init(unit: "cells", phase: "testing, \(name)", done: start + examples.count, total: cells.count))
        }
        return (means.things, means.things.flatMap(means.mean))
    }
}
