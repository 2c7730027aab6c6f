internal import CKernels
internal import Foundation
internal import Numerics

extension TrainingStep {
    /// The loss, and the gradient of what the last layer gives, with those of the head's parameters.
    func loss(_ targets: TrainingTargets, _ task: TrainingTask, onlyLoss: Bool) -> TrainingLoss {
        let hidden = trainer.memory.hidden(configuration.layerCount)
        let rows = Rows(targets.rows.count, h)
        for (index, row) in targets.rows.enumerated() {
            rows[index].update(from: hidden + row * h, count: h)
        }
        if !onlyLoss { trainer.memory.hiddenGradient.baseAddress.update(repeating: 0, count: batch.rows * h) }
        let gradient = Rows(targets.rows.count, h)
        let loss =
            switch task {
            case .maskedGenes: maskedGenes(rows, targets, onlyLoss ? nil : gradient)
            case .cells: classes(rows, targets, hasPooler: true, onlyLoss ? nil : gradient)
            case .genes: classes(rows, targets, hasPooler: false, onlyLoss ? nil : gradient)
            }
        if !onlyLoss {
            for (index, row) in targets.rows.enumerated() {
                add(gradient[index], to: trainer.memory.hiddenGradient.baseAddress + row * h, h)
            }
        }
        return loss
    }

    /// A matrix of the head.
    final class Rows: @unchecked Sendable {
        // Unchecked: as TrainingStep.

        let count: Int
        let columns: Int
        private let memory: AlignedBuffer<Float>

        init(_ count: Int, _ columns: Int) {
            self.count = count
            self.columns = columns
            memory = AlignedBuffer(repeating: 0, count: count * columns)
        }

        var all: UnsafeMutablePointer<Float> { memory.baseAddress }
        subscript(row: Int) -> UnsafeMutablePointer<Float> { memory.baseAddress + row * columns }
    }

    // MARK: Masked genes

    /// Rows whose logits are in memory together.
    private static let slab = 256
    /// Tokens that one thread takes.
    private static let tokens = 512

    /// Cross entropy of word · norm(f(T x + t)) + bias.
    private func maskedGenes(_ x: Rows, _ targets: TrainingTargets, _ gradient: Rows?) -> TrainingLoss {
        guard let head = layout.head else { return TrainingLoss() }
        let count = x.count
        let (inner, activated, normed) = (Rows(count, h), Rows(count, h), Rows(count, h))
        trainer.forEachBlock(of: count) { first, count, _ in
            linear(x[first], count, h, head.transform, h, inner[first])
            ek_activation_f32(inner[first], count * h, configuration.activation.kernel, activated[first])
            norm(activated[first], head.norm, count, normed[first])
        }
        let back = Rows(gradient == nil ? 0 : count, h)
        let logits = Rows(min(Self.slab, count), configuration.vocabularySize)
        var loss = TrainingLoss()
        for first in stride(from: 0, to: count, by: Self.slab) {
            let rows = first..<min(count, first + Self.slab)
            loss += decode(normed[first], rows, targets, head, logits)
            if gradient != nil { backThroughDecoder(logits, rows.count, normed[first], head, back[first]) }
        }
        guard let gradient else { return loss }
        let (gains, biases) = (trainer.gradients.pointer(head.norm.weight), trainer.gradients.pointer(head.norm.bias))
        ek_layer_norm_backward(
            activated.all, back.all, weights(head.norm.weight), count, h, configuration.layerNormEpsilon, back.all,
            gains,
            biases)
        ek_activation_backward(inner.all, back.all, count * h, configuration.activation.kernel, back.all)
        trainer.forEachBlock(of: count) { first, count, _ in
            BLAS.multiply(
                m: count, n: h, k: h, a: back[first], lda: h, b: weights(head.transform.weight), ldb: h,
                c: gradient[first], ldc: h)
        }
        addGradients([LinearGradient(head.transform, back.all, h, x.all, h)], rows: count)
        return loss
    }

    /// Logits of some rows, then in their place the loss's gradient by them.
    private func decode(
        _ x: UnsafeMutablePointer<Float>, _ rows: Range<Int>, _ targets: TrainingTargets,
        _ head: BertLayout.LanguageModelHead, _ logits: Rows
    ) -> TrainingLoss {
        nonisolated(unsafe) let x = x
        let vocabulary = configuration.vocabularySize
        trainer.forEach((vocabulary + Self.tokens - 1) / Self.tokens) { task, _ in
            let first = task * Self.tokens
            let count = min(Self.tokens, vocabulary - first)
            let bias = weights(head.bias) + first
            for row in 0..<rows.count { (logits[row] + first).update(from: bias, count: count) }
            BLAS.multiply(
                m: rows.count, n: count, k: h, a: x, lda: h, b: weights(layout.wordEmbeddings) + first * h, ldb: h,
                transposeB: true, beta: 1, c: logits.all + first, ldc: vocabulary)
        }
        return crossEntropy(logits, rows, targets)
    }

    /// Replaces logits by the gradient of the weighted cross entropy.
    private func crossEntropy(_ logits: Rows, _ rows: Range<Int>, _ targets: TrainingTargets) -> TrainingLoss {
        let columns = logits.columns
        let losses = Rows(rows.count, 2)
        trainer.forEach(rows.count) { row, _ in
            let (values, label) = (logits[row], targets.labels[rows.lowerBound + row])
            let weight = targets.weights[rows.lowerBound + row]
            let own = values[label]
            var isLargest = true
            for column in 0..<columns where values[column] > own || (values[column] == own && column < label) {
                isLargest = false
                break
            }
            var logarithm: Float = 0
            ek_softmax_rows(values, 1, columns, columns, 1, &logarithm)
            values[label] -= 1
            for column in 0..<columns { values[column] *= weight }
            losses[row][0] = weight * (logarithm - own)
            losses[row][1] = isLargest ? 1 : 0
        }
        var loss = TrainingLoss()
        for row in 0..<rows.count {
            loss.loss += Double(losses[row][0])
            loss.hits += Int(losses[row][1])
        }
        return loss
    }

    /// From logits to what goes into the decoder, whose matrix is the word embedding.
    private func backThroughDecoder(
        _ logits: Rows, _ count: Int, _ x: UnsafeMutablePointer<Float>, _ head: BertLayout.LanguageModelHead,
        _ result: UnsafeMutablePointer<Float>
    ) {
        nonisolated(unsafe) let (x, result) = (x, result)
        let vocabulary = configuration.vocabularySize
        trainer.forEachBlock(of: count, size: 32) { first, count, _ in
            BLAS.multiply(
                m: count, n: h, k: vocabulary, a: logits[first], lda: vocabulary, b: weights(layout.wordEmbeddings),
                ldb: h, c: result + first * h, ldc: h)
        }
        let gradients = trainer.gradients
        trainer.forEach((vocabulary + Self.tokens - 1) / Self.tokens) { task, _ in
            let first = task * Self.tokens
            let tokens = min(Self.tokens, vocabulary - first)
            BLAS.multiply(
                m: tokens, n: h, k: count, a: logits.all + first, lda: vocabulary, transposeA: true, b: x, ldb: h,
                beta: 1, c: gradients.pointer(layout.wordEmbeddings) + first * h, ldc: h)
            let bias = gradients.pointer(head.bias) + first
            for row in 0..<count { add(logits[row] + first, to: bias, tokens) }
        }
    }

    // MARK: Classes

    /// Cross entropy of C x + c, or of C tanh(P x + p) + c; x or the tanh loses numbers by dropout.
    private func classes(_ x: Rows, _ targets: TrainingTargets, hasPooler: Bool, _ gradient: Rows?) -> TrainingLoss {
        guard let classifier = layout.classifier, let labels = layout.classifierLabels else { return TrainingLoss() }
        let count = x.count
        let pooled = Rows(count, h)
        if hasPooler, let pooler = layout.pooler {
            linear(x.all, count, h, pooler, h, pooled.all)
            for index in 0..<count * h { pooled.all[index] = tanhf(pooled.all[index]) }
        } else {
            pooled.all.update(from: x.all, count: count * h)
        }
        let dropped = Rows(count, h)
        dropped.all.update(from: pooled.all, count: count * h)
        drop(dropped.all, count * h, .classifier, offset: 0)
        let logits = Rows(count, labels)
        linear(dropped.all, count, h, classifier, labels, logits.all)
        let loss = crossEntropy(logits, 0..<count, targets)
        guard let gradient else { return loss }
        addGradients([LinearGradient(classifier, logits.all, labels, dropped.all, h)], rows: count)
        BLAS.multiply(
            m: count, n: h, k: labels, a: logits.all, lda: labels, b: weights(classifier.weight), ldb: h,
            c: gradient.all,
            ldc: h)
        drop(gradient.all, count * h, .classifier, offset: 0)
        guard hasPooler, let pooler = layout.pooler else { return loss }
        let inner = Rows(count, h)
        for index in 0..<count * h {
            inner.all[index] = gradient.all[index] * (1 - pooled.all[index] * pooled.all[index])
        }
        addGradients([LinearGradient(pooler, inner.all, h, x.all, h)], rows: count)
        BLAS.multiply(
            m: count, n: h, k: h, a: inner.all, lda: h, b: weights(pooler.weight), ldb: h, c: gradient.all, ldc: h)
        return loss
    }
}
