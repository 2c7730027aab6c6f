internal import CKernels
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
        let transformed = workspace.projected.baseAddress
        multiply(
            workspace.hidden.baseAddress + positions.lowerBound * h, by: head.transform, rows: rows, in: h, out: h,
            into: transformed)
        activate(transformed, bias: head.transform.bias, rows: rows, columns: h)
        norm(transformed, plus: nil, head.norm, rows: rows, into: transformed)
        var result = Matrix(rows: rows, columns: vocabulary)
        result.values.withUnsafeMutableBufferPointer { buffer in
            guard let logits = buffer.baseAddress else { return }
            let decoder = BertLayout.Pair(weight: weights.layout.wordEmbeddings, bias: head.bias)
            multiply(transformed, by: decoder, rows: rows, in: h, out: vocabulary, into: logits)
            ek_bias_f32(logits, weights.pointer(decoder.bias), rows, vocabulary)
        }
        return result
    }
}
