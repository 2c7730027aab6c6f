package import Numerics

extension BertEncoder {
    /// The masked-gene head's logits at `positions` of the cell in `workspace`, which has been run through the last
    /// layer: [positions.count, vocabulary] = word · norm(f(T h + t)) + bias. The hidden states stay.
    ///
    /// - Throws: ``TransformerError`` `noLanguageModelHead`, `noSuchLayer` if another layer is held,
    ///   `noSuchPosition`.
    package func logits(
        at positions: Range<Int>, workspace: inout BertWorkspace
    ) throws(TransformerError) -> Matrix {
        guard let head = weights.layout.head else {
            throw TransformerError(
                .noLanguageModelHead,
                detail: "\(weights.file) has no masked-gene head, so there are no logits; use the pretrained model")
        }
        guard workspace.layer == configuration.layerCount else {
            throw TransformerError(
                .noSuchLayer,
                detail: "logits need all \(configuration.layerCount) layers, \(workspace.layer) have been run")
        }
        try workspace.check(positions)
        let h = configuration.hiddenSize
        let vocabulary = configuration.vocabularySize
        let rows = positions.count
        // Free until the next pass.
        let transformed = UnsafeMutableRawPointer(workspace.queryKeyValue.baseAddress)
            .assumingMemoryBound(to: Float.self)
        FloatLayers(BertPass(self, workspace), weights.packed(.f32)).transform(
            workspace.hidden.baseAddress + (workspace.start + positions.lowerBound) * h, rows, head, into: transformed)
        var result = Matrix(rows: rows, columns: vocabulary)
        result.values.withUnsafeMutableBufferPointer { buffer in
            guard let logits = buffer.baseAddress else { return }
            for row in 0..<rows {
                (logits + row * vocabulary).update(from: weights.pointer(head.bias), count: vocabulary)
            }
            BLAS.multiply(
                m: rows, n: vocabulary, k: h, a: transformed, lda: h, b: weights.pointer(weights.layout.wordEmbeddings),
                ldb: h, transposeB: true, beta: 1, c: logits, ldc: vocabulary)
        }
        return result
    }
}
