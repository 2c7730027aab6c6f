internal import CKernels
internal import Numerics

/// Losses and gradients of a model (Devlin et al. 2019), by the formulas of back-propagation, batch by batch.
///
/// All cells of a batch stand one after another in the rows of its matrices. Every sum is made in an order that depends on
/// the batch alone, so that the gradients are the same bytes for any number of threads. The T × T attention weights are not
/// kept, but computed again (Dao et al. 2022). Used by one thread at a time.
package final class BertTrainer: @unchecked Sendable {
    // Unchecked: the threads of a loop write to rows, heads and scratch memory of their own.

    package let configuration: BertConfiguration
    package var layout: BertLayout { parameters.layout }
    package let parameters: Parameters
    /// The sum of the gradients since they were last emptied.
    package private(set) lazy var gradients = Parameters(layout)
    package let dropout: Dropout
    let threads: Int
    var memory: TrainingMemory

    /// - Parameters:
    ///   - dropout: none for a loss that is to be compared, as one of held-out cells.
    package init(
        _ configuration: BertConfiguration, _ parameters: Parameters, dropout: Dropout = Dropout(), threads: Int = 1
    ) {
        self.configuration = configuration
        self.parameters = parameters
        self.dropout = dropout
        self.threads = max(1, threads)
        memory = TrainingMemory(configuration, rows: 0, longest: 0, threads: self.threads)
    }

    /// Adds the gradient of the batch's loss, the weighted sum of its targets' cross entropies, to ``gradients``.
    ///
    /// - Parameters:
    ///   - seed: names the step for ``Dropout``.
    ///   - onlyLoss: leaves gradients as they are, and nothing is dropped.
    /// - Throws: ``TransformerError`` `noTokens`, `tooManyTokens`, `unknownToken`, `noLanguageModelHead` for a model
    ///   without the task's head.
    package func accumulate(
        _ batch: TrainingBatch, _ targets: TrainingTargets, _ task: TrainingTask, seed: UInt64 = 0,
        onlyLoss: Bool = false
    ) throws(TransformerError) -> TrainingLoss {
        try check(batch, targets, task)
        guard batch.rows > 0, !targets.rows.isEmpty else { return TrainingLoss() }
        makeRoom(for: batch)
        let step = TrainingStep(self, batch, seed: seed, dropout: onlyLoss ? Dropout() : dropout)
        step.forward()
        let loss = step.loss(targets, task, onlyLoss: onlyLoss)
        if !onlyLoss { step.backward() }
        return loss
    }

    /// Memory for a batch, where there is not enough.
    func makeRoom(for batch: TrainingBatch) {
        guard memory.rows < batch.rows || memory.longest < batch.longest else { return }
        memory = TrainingMemory(
            configuration, rows: max(memory.rows, batch.rows), longest: max(memory.longest, batch.longest),
            threads: threads)
    }

    private func check(
        _ batch: TrainingBatch, _ targets: TrainingTargets, _ task: TrainingTask
    ) throws(TransformerError) {
        guard batch.longest <= configuration.maximumLength else {
            throw TransformerError(
                .tooManyTokens,
                detail: "a cell has \(batch.longest) tokens, the model has positions for \(configuration.maximumLength)"
            )
        }
        if let token = batch.tokens.first(where: { Int($0) >= configuration.vocabularySize }) {
            throw TransformerError(
                .unknownToken,
                detail: "token \(token) is not in the model's vocabulary of \(configuration.vocabularySize)")
        }
        let labels: Int? =
            switch task {
            case .maskedGenes: layout.head.map { _ in configuration.vocabularySize }
            case .cells: layout.pooler.flatMap { _ in layout.classifierLabels }
            case .genes: layout.classifierLabels
            }
        guard let labels else {
            throw TransformerError(.noLanguageModelHead, detail: "the model has no head for this task")
        }
        precondition(
            targets.rows.allSatisfy { $0 >= 0 && $0 < batch.rows }
                && targets.labels.allSatisfy { $0 >= 0 && $0 < labels }, "a target outside of the batch")
    }

    /// Calls `body` with 0..<count, and scratch memory that no other call has meanwhile.
    func forEach(_ count: Int, _ body: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void) {
        let (scratch, size) = (memory.scratch.baseAddress, memory.scratchSize)
        nonisolated(unsafe) let memory = scratch
        guard threads > 1, count > 1 else {
            for index in 0..<count { body(index, memory) }
            return
        }
        Parallel.forEach(count, workers: threads) { worker, index in body(index, memory + worker * size) }
    }

    /// Calls `body` with the first row and the number of rows of blocks of `size` of `count` rows.
    func forEachBlock(
        of count: Int, size: Int = TrainingMemory.blockRows,
        _ body: @Sendable (Int, Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        forEach((count + size - 1) / size) { block, scratch in
            body(block * size, min(size, count - block * size), scratch)
        }
    }
}

extension BertLayout {
    /// Labels of the classifier; nil without one.
    package var classifierLabels: Int? {
        guard classifier != nil else { return nil }
        return parameters.first { $0.name == "classifier.weight" }?.shape.first
    }
}
