internal import CKernels
internal import Numerics

extension TrainingStep {
    /// From the gradient of what the last layer gives, which is in memory, to those of all parameters below.
    func backward() {
        for layer in (0..<configuration.layerCount).reversed() {
            forEachBlockWithNorms(layout.layers[layer].outputNorm, layout.layers[layer].attentionNorm) {
                first, count, norms, _ in
                backToContext(layer, first, count, norms)
            }
            forEachHead { cell, head, scratch in backThroughAttention(layer, cell, head, scratch) }
            backToInput(layer)
            addWeightGradients(layer)
        }
        backThroughEmbeddings()
    }

    /// What goes in has a part in the attention's sum, and makes queries, keys and values.
    func backToInput(_ layer: Int) {
        trainer.forEachBlock(of: batch.rows) { first, count, _ in
            let gradient = trainer.memory.hiddenGradient.baseAddress + first * h
            gradient.update(from: trainer.memory.attendedGradient.baseAddress + first * h, count: count * h)
            BLAS.multiply(
                m: count, n: h, k: 3 * h, a: trainer.memory.queryKeyValueGradient.baseAddress + first * 3 * h,
                lda: 3 * h, b: weights(layout.layers[layer].queryKeyValue.weight), ldb: h, beta: 1, c: gradient, ldc: h)
        }
    }

    /// From what the layer gives to the context; keeps what the weights' gradients are made of.
    func backToContext(
        _ index: Int, _ first: Int, _ count: Int, _ norms: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
    ) {
        let layer = layout.layers[index]
        let memory = UnsafePlaces(self, index, first)
        func place(_ buffer: borrowing AlignedBuffer<Float>, _ columns: Int) -> UnsafeMutablePointer<Float> {
            buffer.baseAddress + first * columns
        }
        let gradient = place(trainer.memory.hiddenGradient, h)
        let output = place(trainer.memory.outputGradient, h)
        let inner = place(trainer.memory.innerGradient, f)
        let activated = place(trainer.memory.activated, f)
        let attended = place(trainer.memory.attendedGradient, h)
        let attention = place(trainer.memory.attentionGradient, h)
        backThroughNorm(memory.outputSum, gradient, layer.outputNorm, count, norms.0, gradient)
        output.update(from: gradient, count: count * h)
        drop(output, count * h, .feedForward(layer: index), offset: first * h)
        ek_activation_f32(memory.inner, count * f, configuration.activation.kernel, activated)
        BLAS.multiply(
            m: count, n: f, k: h, a: output, lda: h, b: weights(layer.feedForwardOut.weight), ldb: f, c: inner, ldc: f)
        ek_activation_backward(memory.inner, inner, count * f, configuration.activation.kernel, inner)
        BLAS.multiply(
            m: count, n: h, k: f, a: inner, lda: f, b: weights(layer.feedForwardIn.weight), ldb: h, beta: 1,
            c: gradient,
            ldc: h)
        backThroughNorm(memory.attendedSum, gradient, layer.attentionNorm, count, norms.1, attended)
        attention.update(from: attended, count: count * h)
        drop(attention, count * h, .attentionOutput(layer: index), offset: first * h)
        BLAS.multiply(
            m: count, n: h, k: h, a: attention, lda: h, b: weights(layer.attentionOutput.weight), ldb: h,
            c: place(trainer.memory.contextGradient, h), ldc: h)
    }

    /// Gradients of query, key and value of one cell and head; its attention weights are computed again.
    ///
    /// - Parameter keySums: [tokens of the cell], to which the gradient of each key's weight is added: of a factor before
    ///   its exponential, 1, in the softmax of all queries but that of its own position.
    func backThroughAttention(
        _ layer: Int, _ cell: Int, _ head: Int, _ scratch: UnsafeMutablePointer<Float>,
        keySums: UnsafeMutablePointer<Float>? = nil
    ) {
        let (start, length, d) = (
            batch.starts[cell], batch.starts[cell + 1] - batch.starts[cell], configuration.headSize
        )
        let query = trainer.memory.queryKeyValue(layer) + start * 3 * h + head * d
        let gradient = trainer.memory.queryKeyValueGradient.baseAddress + start * 3 * h + head * d
        let context = trainer.memory.contextGradient.baseAddress + start * h + head * d
        for first in stride(from: 0, to: length, by: TrainingMemory.queryRows) {
            let count = min(TrainingMemory.queryRows, length - first)
            let size = count * length
            let (weights, dropped, slopes) = (scratch, scratch + size, scratch + 2 * size)
            attentionWeights(query, first, count, length, weights)
            dropped.update(from: weights, count: size)
            let site = Dropout.Site.attentionWeights(layer: layer, cell: cell, head: head)
            drop(dropped, size, site, offset: first * length)
            let sumSoFar: Float = first == 0 ? 0 : 1
            BLAS.multiply(
                m: length, n: d, k: count, a: dropped, lda: length, transposeA: true, b: context + first * h, ldb: h,
                beta: sumSoFar, c: gradient + 2 * h, ldc: 3 * h)
            BLAS.multiply(
                m: count, n: length, k: d, a: context + first * h, lda: h, b: query + 2 * h, ldb: 3 * h,
                transposeB: true,
                c: slopes, ldc: length)
            drop(slopes, size, site, offset: first * length)
            ek_softmax_backward_rows(weights, slopes, count, length, length, 1 / Float(d).squareRoot())
            if let keySums {
                // The logarithm of the factor is added to the scores; slopes are of products before their scaling.
                let scale = Float(d).squareRoot()
                for row in 0..<count {
                    let slope = slopes + row * length
                    for key in 0..<length { keySums[key] += scale * slope[key] }
                    keySums[first + row] -= scale * slope[first + row]
                }
            }
            BLAS.multiply(
                m: count, n: d, k: length, a: slopes, lda: length, b: query + h, ldb: 3 * h,
                c: gradient + first * 3 * h, ldc: 3 * h)
            BLAS.multiply(
                m: length, n: d, k: count, a: slopes, lda: length, transposeA: true, b: query + first * 3 * h,
                ldb: 3 * h, beta: sumSoFar, c: gradient + h, ldc: 3 * h)
        }
    }

    private func addWeightGradients(_ index: Int) {
        let (layer, memory) = (layout.layers[index], UnsafePlaces(self, index, 0))
        addGradients([
            LinearGradient(
                layer.queryKeyValue, trainer.memory.queryKeyValueGradient.baseAddress, 3 * h, memory.hidden, h),
            LinearGradient(
                layer.attentionOutput, trainer.memory.attentionGradient.baseAddress, h, memory.context, h),
            LinearGradient(layer.feedForwardIn, trainer.memory.innerGradient.baseAddress, f, memory.attended, h),
            LinearGradient(
                layer.feedForwardOut, trainer.memory.outputGradient.baseAddress, h,
                trainer.memory.activated.baseAddress,
                f),
        ])
    }

    /// What the gradient of a linear layer's weights is made of: that of what it gives, and what goes in.
    struct LinearGradient {
        let pair: BertLayout.Pair
        let output: UnsafeMutablePointer<Float>
        let outputs: Int
        let input: UnsafeMutablePointer<Float>
        let inputs: Int

        init(
            _ pair: BertLayout.Pair, _ output: UnsafeMutablePointer<Float>, _ outputs: Int,
            _ input: UnsafeMutablePointer<Float>, _ inputs: Int
        ) {
            (self.pair, self.output, self.outputs, self.input, self.inputs) = (pair, output, outputs, input, inputs)
        }
    }

    /// Rows of a weight matrix that one thread adds to.
    private static let share = 64

    /// W' += dYᵀ X and b' += the column sums of dY, over `rows` rows, all of the batch's if nil.
    func addGradients(_ linears: [LinearGradient], rows: Int? = nil) {
        let rows = rows ?? batch.rows
        var tasks: [(linear: Int, first: Int)] = []
        for (number, linear) in linears.enumerated() {
            for first in stride(from: 0, to: linear.outputs, by: Self.share) { tasks.append((number, first)) }
        }
        nonisolated(unsafe) let linears = linears
        let gradients = trainer.gradients
        trainer.forEach(tasks.count) { [tasks] task, _ in
            let (linear, first) = (linears[tasks[task].linear], tasks[task].first)
            let count = min(Self.share, linear.outputs - first)
            BLAS.multiply(
                m: count, n: linear.inputs, k: rows, a: linear.output + first, lda: linear.outputs, transposeA: true,
                b: linear.input, ldb: linear.inputs, beta: 1,
                c: gradients.pointer(linear.pair.weight) + first * linear.inputs, ldc: linear.inputs)
            let bias = gradients.pointer(linear.pair.bias) + first
            for row in 0..<rows {
                let output = linear.output + row * linear.outputs + first
                for column in 0..<count { bias[column] += output[column] }
            }
        }
    }

    // MARK: Norms and embeddings

    /// `norms`: places for the gradients of gain and bias behind each other.
    func backThroughNorm(
        _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ pair: BertLayout.Pair, _ rows: Int,
        _ norms: UnsafeMutablePointer<Float>, _ result: UnsafeMutablePointer<Float>
    ) {
        ek_layer_norm_backward(
            x, gradient, weights(pair.weight), rows, h, configuration.layerNormEpsilon, result, norms, norms + h)
    }

    /// Blocks of rows, each with zeros for the gradients of two norms, which are added in the order of the blocks.
    private func forEachBlockWithNorms(
        _ first: BertLayout.Pair, _ second: BertLayout.Pair?,
        _ body:
            @Sendable (
                Int, Int, (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>), UnsafeMutablePointer<Float>
            ) -> Void
    ) {
        nonisolated(unsafe) let norms = trainer.memory.normGradients.baseAddress
        let blocks = (batch.rows + TrainingMemory.blockRows - 1) / TrainingMemory.blockRows
        norms.update(repeating: 0, count: blocks * 4 * h)
        trainer.forEachBlock(of: batch.rows) { row, count, scratch in
            let place = norms + row / TrainingMemory.blockRows * 4 * h
            body(row, count, (place, place + 2 * h), scratch)
        }
        for block in 0..<blocks {
            for (number, pair) in [first, second].enumerated() {
                guard let pair else { continue }
                let place = norms + (block * 4 + number * 2) * h
                add(place, to: trainer.gradients.pointer(pair.weight), h)
                add(place + h, to: trainer.gradients.pointer(pair.bias), h)
            }
        }
    }

    private func backThroughEmbeddings() {
        let gradient = trainer.memory.hiddenGradient.baseAddress
        nonisolated(unsafe) let hidden = gradient
        forEachBlockWithNorms(layout.embeddingNorm, nil) { first, count, norms, _ in
            let rows = hidden + first * h
            drop(rows, count * h, .embeddings, offset: first * h)
            backThroughNorm(
                trainer.memory.embeddingSum.baseAddress + first * h, rows, layout.embeddingNorm, count, norms.0, rows)
        }
        // Some columns a thread, the rows in their order.
        let share = 16
        trainer.forEach((h + share - 1) / share) { task, _ in
            let columns = task * share..<min(h, (task + 1) * share)
            let type = trainer.gradients.pointer(layout.tokenTypeEmbeddings)
            for cell in 0..<batch.cellCount {
                for row in batch.starts[cell]..<batch.starts[cell + 1] {
                    let token = Int(batch.tokens[row])
                    let word = trainer.gradients.pointer(layout.wordEmbeddings) + token * h
                    let position =
                        trainer.gradients.pointer(layout.positionEmbeddings) + batch.positions[row] * h
                    for column in columns {
                        let value = hidden[row * h + column]
                        type[column] += value
                        position[column] += value
                        // The padding token's row does not learn.
                        if token != configuration.paddingToken { word[column] += value }
                    }
                }
            }
        }
    }
}
