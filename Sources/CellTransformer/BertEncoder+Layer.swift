internal import CKernels
internal import Numerics

/// One encoder layer. Pointers are into the workspace and the weights, whose sizes follow from the configuration;
/// `length` was checked against them when the cell came in.
extension BertEncoder {
    /// hidden = norm(a + W2 f(W1 a)), a = norm(hidden + attention(hidden)).
    func run(layer index: Int, workspace: inout BertWorkspace) {
        let layer = weights.layout.layers[index]
        let h = configuration.hiddenSize
        let f = configuration.feedForwardSize
        let length = workspace.length
        let hidden = workspace.hidden.baseAddress
        let projected = workspace.projected.baseAddress
        let feedForward = workspace.feedForward.baseAddress

        multiply(hidden, by: layer.queryKeyValue, rows: length, in: h, out: 3 * h, into: workspace.queryKeyValue.baseAddress)
        ek_bias_f32(workspace.queryKeyValue.baseAddress, weights.pointer(layer.queryKeyValue.bias), length, 3 * h)
        attend(workspace)
        multiply(workspace.context.baseAddress, by: layer.attentionOutput, rows: length, in: h, out: h, into: projected)
        ek_bias_f32(projected, weights.pointer(layer.attentionOutput.bias), length, h)
        norm(projected, plus: hidden, layer.attentionNorm, rows: length, into: projected)

        multiply(projected, by: layer.feedForwardIn, rows: length, in: h, out: f, into: feedForward)
        activate(feedForward, bias: layer.feedForwardIn.bias, rows: length, columns: f)
        multiply(feedForward, by: layer.feedForwardOut, rows: length, in: f, out: h, into: hidden)
        ek_bias_f32(hidden, weights.pointer(layer.feedForwardOut.bias), length, h)
        norm(hidden, plus: projected, layer.outputNorm, rows: length, into: hidden)
        workspace.layer = index + 1
    }

    /// context = softmax(Q Kᵀ / √d) V per head, a tile of queries at a time: the scores of all queries are never in
    /// memory together.
    private func attend(_ workspace: borrowing BertWorkspace) {
        let h = configuration.hiddenSize
        let d = configuration.headSize
        let length = workspace.length
        let stride = workspace.scoreStride
        let scores = workspace.scores.baseAddress
        let scale = 1 / Float(d).squareRoot()
        for head in 0..<configuration.headCount {
            let query = workspace.queryKeyValue.baseAddress + head * d
            let key = query + h
            let value = key + h
            for start in Swift.stride(from: 0, to: length, by: BertWorkspace.queryTile) {
                let rows = min(BertWorkspace.queryTile, length - start)
                BLAS.multiply(
                    m: rows, n: length, k: d, a: query + start * 3 * h, lda: 3 * h, b: key, ldb: 3 * h,
                    transposeB: true, c: scores, ldc: stride)
                ek_softmax_f32(scores, rows, length, stride, scale)
                BLAS.multiply(
                    m: rows, n: d, k: length, a: scores, lda: stride, b: value, ldb: 3 * h,
                    c: workspace.context.baseAddress + start * h + head * d, ldc: h)
            }
        }
    }

    /// y [rows, out] = x [rows, in] Wᵀ, without the bias.
    func multiply(
        _ x: UnsafePointer<Float>, by linear: BertLayout.Pair, rows: Int, in width: Int, out: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        BLAS.multiply(
            m: rows, n: out, k: width, a: x, lda: width, b: weights.pointer(linear.weight), ldb: width,
            transposeB: true, c: y, ldc: out)
    }

    /// x = f(x + bias), f being the model's activation.
    func activate(_ x: UnsafeMutablePointer<Float>, bias: Int, rows: Int, columns: Int) {
        switch configuration.activation {
        case .relu: ek_bias_relu_f32(x, weights.pointer(bias), rows, columns)
        case .gelu: ek_bias_gelu_f32(x, weights.pointer(bias), rows, columns)
        }
    }

    /// y [rows, h] = norm(x + residual); y may be x.
    func norm(
        _ x: UnsafePointer<Float>, plus residual: UnsafePointer<Float>?, _ norm: BertLayout.Pair, rows: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        ek_layer_norm_f32(
            y, x, residual, weights.pointer(norm.weight), weights.pointer(norm.bias), rows,
            configuration.hiddenSize, configuration.layerNormEpsilon)
    }
}
