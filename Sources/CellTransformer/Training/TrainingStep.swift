internal import CKernels
internal import Numerics

/// One batch on its way through the model: forward, and back.
struct TrainingStep: @unchecked Sendable {
    // Unchecked: as BertTrainer, whose memory it uses.

    let trainer: BertTrainer
    let batch: TrainingBatch
    let seed: UInt64
    let dropout: Dropout

    var configuration: BertConfiguration { trainer.configuration }
    var layout: BertLayout { trainer.layout }
    var h: Int { configuration.hiddenSize }
    var f: Int { configuration.feedForwardSize }

    init(_ trainer: BertTrainer, _ batch: TrainingBatch, seed: UInt64, dropout: Dropout) {
        self.trainer = trainer
        self.batch = batch
        self.seed = seed
        self.dropout = dropout
    }

    func weights(_ offset: Int) -> UnsafeMutablePointer<Float> { trainer.parameters.pointer(offset) }

    // MARK: Forward

    /// Through so many layers, all by default.
    func forward(layers: Int? = nil) {
        trainer.forEachBlock(of: batch.rows) { first, count, _ in embed(first, count) }
        for layer in 0..<(layers ?? configuration.layerCount) {
            trainer.forEachBlock(of: batch.rows) { first, count, _ in
                linear(
                    trainer.memory.hidden(layer) + first * h, count, h, layout.layers[layer].queryKeyValue, 3 * h,
                    trainer.memory.queryKeyValue(layer) + first * 3 * h)
            }
            forEachHead { cell, head, scratch in attend(layer, cell, head, scratch) }
            trainer.forEachBlock(of: batch.rows) { first, count, scratch in finish(layer, first, count, scratch) }
        }
    }

    /// Of rows `first..<first + count`: the sum of the embeddings, and its norm.
    private func embed(_ first: Int, _ count: Int) {
        let type = weights(layout.tokenTypeEmbeddings)
        for row in first..<first + count {
            let word = weights(layout.wordEmbeddings) + Int(batch.tokens[row]) * h
            let position = weights(layout.positionEmbeddings) + batch.positions[row] * h
            let sum = trainer.memory.embeddingSum.baseAddress + row * h
            for column in 0..<h { sum[column] = word[column] + type[column] + position[column] }
        }
        let result = trainer.memory.hidden(0) + first * h
        norm(trainer.memory.embeddingSum.baseAddress + first * h, layout.embeddingNorm, count, result)
        drop(result, count * h, .embeddings, offset: first * h)
    }

    private func attend(_ layer: Int, _ cell: Int, _ head: Int, _ scratch: UnsafeMutablePointer<Float>) {
        let (start, length, d) = (
            batch.starts[cell], batch.starts[cell + 1] - batch.starts[cell], configuration.headSize
        )
        let query = trainer.memory.queryKeyValue(layer) + start * 3 * h + head * d
        let context = trainer.memory.context(layer) + start * h + head * d
        guard dropout.attention > 0 else {
            ek_attention_f32(
                query, query + h, query + 2 * h, 3 * h, length, d, 0, length, context, h, scratch)
            return
        }
        for first in stride(from: 0, to: length, by: TrainingMemory.queryRows) {
            let count = min(TrainingMemory.queryRows, length - first)
            attentionWeights(query, first, count, length, scratch)
            drop(
                scratch, count * length, .attentionWeights(layer: layer, cell: cell, head: head), offset: first * length
            )
            BLAS.multiply(
                m: count, n: d, k: length, a: scratch, lda: length, b: query + 2 * h, ldb: 3 * h,
                c: context + first * h, ldc: h)
        }
    }

    /// softmax(Q Kᵀ / √d) [count, length] of the queries `first..<first + count`.
    func attentionWeights(
        _ query: UnsafeMutablePointer<Float>, _ first: Int, _ count: Int, _ length: Int,
        _ result: UnsafeMutablePointer<Float>
    ) {
        let d = configuration.headSize
        BLAS.multiply(
            m: count, n: length, k: d, a: query + first * 3 * h, lda: 3 * h, b: query + h, ldb: 3 * h, transposeB: true,
            c: result, ldc: length)
        ek_softmax_rows(result, count, length, length, 1 / Float(d).squareRoot(), nil)
    }

    /// From the context to what the layer gives.
    private func finish(_ index: Int, _ first: Int, _ count: Int, _ scratch: UnsafeMutablePointer<Float>) {
        let layer = layout.layers[index]
        let memory = UnsafePlaces(self, index, first)
        linear(memory.context, count, h, layer.attentionOutput, h, memory.attendedSum)
        drop(memory.attendedSum, count * h, .attentionOutput(layer: index), offset: first * h)
        add(memory.hidden, to: memory.attendedSum, count * h)
        norm(memory.attendedSum, layer.attentionNorm, count, memory.attended)
        linear(memory.attended, count, h, layer.feedForwardIn, f, memory.inner)
        ek_activation_f32(memory.inner, count * f, configuration.activation.kernel, scratch)
        linear(scratch, count, f, layer.feedForwardOut, h, memory.outputSum)
        drop(memory.outputSum, count * h, .feedForward(layer: index), offset: first * h)
        add(memory.attended, to: memory.outputSum, count * h)
        norm(memory.outputSum, layer.outputNorm, count, trainer.memory.hidden(index + 1) + first * h)
    }

    // MARK: Parts

    /// y [rows, out] = x [rows, in] Wᵀ + b.
    func linear(
        _ x: UnsafePointer<Float>, _ rows: Int, _ input: Int, _ pair: BertLayout.Pair, _ output: Int,
        _ y: UnsafeMutablePointer<Float>
    ) {
        let bias = weights(pair.bias)
        for row in 0..<rows { (y + row * output).update(from: bias, count: output) }
        BLAS.multiply(
            m: rows, n: output, k: input, a: x, lda: input, b: weights(pair.weight), ldb: input, transposeB: true,
            beta: 1, c: y, ldc: output)
    }

    func norm(
        _ x: UnsafePointer<Float>, _ pair: BertLayout.Pair, _ rows: Int, _ y: UnsafeMutablePointer<Float>
    ) {
        ek_layer_norm_f32(
            y, x, nil, weights(pair.weight), weights(pair.bias), rows, h, configuration.layerNormEpsilon)
    }

    func add(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { y[index] += x[index] }
    }

    /// Drops numbers in place, the same in the forward and in the backward pass.
    func drop(_ x: UnsafeMutablePointer<Float>, _ count: Int, _ site: Dropout.Site, offset: Int) {
        let rate = if case .attentionWeights = site { dropout.attention } else { dropout.hidden }
        guard rate > 0 else { return }
        ek_dropout(x, count, rate, Dropout.stream(seed, site, offset: offset), x)
    }

    func forEachHead(_ body: @Sendable (Int, Int, UnsafeMutablePointer<Float>) -> Void) {
        let heads = configuration.headCount
        trainer.forEach(batch.cellCount * heads) { task, scratch in body(task / heads, task % heads, scratch) }
    }

    /// Rows of one layer's matrices.
    struct UnsafePlaces {
        let hidden, context, attendedSum, attended, inner, outputSum: UnsafeMutablePointer<Float>

        init(_ step: TrainingStep, _ layer: Int, _ first: Int) {
            let (h, f) = (step.h, step.f)
            hidden = step.trainer.memory.hidden(layer) + first * h
            context = step.trainer.memory.context(layer) + first * h
            attendedSum = step.trainer.memory.attendedSum(layer) + first * h
            attended = step.trainer.memory.attended(layer) + first * h
            inner = step.trainer.memory.inner(layer) + first * f
            outputSum = step.trainer.memory.outputSum(layer) + first * h
        }
    }
}
