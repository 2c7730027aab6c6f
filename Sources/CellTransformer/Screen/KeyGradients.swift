internal import Numerics

/// What a function of a cell's hidden states would gain from each token's weight in attention: the gradient of a factor at
/// its exponential, in the softmax of every layer and head, of all queries but the token's own, whose hidden states go with
/// the token. One forward pass, and one backward pass a function; used by one thread at a time.
final class KeyGradients {
    private let trainer: BertTrainer

    /// - Parameter parameters: read alone, so that several threads may share them.
    init(_ configuration: BertConfiguration, _ parameters: Parameters, threads: Int) {
        trainer = BertTrainer(configuration, parameters, threads: threads)
    }

    /// [functions][tokens], the gradients at a factor of 1.
    ///
    /// - Parameters:
    ///   - tokens: of one cell, checked before, at `positions`.
    ///   - slopes: [functions] of [tokens, h], called with the hidden states after `layer`: the gradients by them.
    func callAsFunction(
        _ tokens: [UInt32], positions: [Int], through layer: Int, slopes: (UnsafeMutablePointer<Float>) -> [[Float]]
    ) -> [[Double]] {
        var batch = TrainingBatch()
        batch.add(tokens, positions: positions)
        trainer.makeRoom(for: batch)
        let step = TrainingStep(trainer, batch, seed: 0, dropout: Dropout())
        step.forward(layers: layer)
        return slopes(trainer.memory.hidden(layer)).map { backward(step, from: layer, slopes: $0) }
    }

    /// What the forward pass kept is left as it is.
    private func backward(_ step: TrainingStep, from layer: Int, slopes: [Float]) -> [Double] {
        let (length, heads, h) = (
            step.batch.rows, trainer.configuration.headCount, trainer.configuration.hiddenSize
        )
        precondition(slopes.count == length * h, "a slope for each hidden state")
        slopes.withUnsafeBufferPointer { slopes in
            guard let start = slopes.baseAddress else { return }
            trainer.memory.hiddenGradient.baseAddress.update(from: start, count: slopes.count)
        }
        let sums = AlignedBuffer<Float>(repeating: 0, count: heads * length)
        nonisolated(unsafe) let places = sums.baseAddress
        // Not asked for, but what the passes below write to.
        let norms = AlignedBuffer<Float>(repeating: 0, count: 4 * h * (1 + length / TrainingMemory.blockRows))
        nonisolated(unsafe) let normGradients = norms.baseAddress
        for index in (0..<layer).reversed() {
            trainer.forEachBlock(of: length) { first, count, _ in
                let place = normGradients + first / TrainingMemory.blockRows * 4 * h
                step.backToContext(index, first, count, (place, place + 2 * h))
            }
            step.forEachHead { cell, head, scratch in
                step.backThroughAttention(index, cell, head, scratch, keySums: places + head * length)
            }
            step.backToInput(index)
        }
        return (0..<length).map { token in
            (0..<heads).reduce(0.0) { $0 + Double(sums.pointer[$1 * length + token]) }
        }
    }
}
