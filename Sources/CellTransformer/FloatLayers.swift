internal import CKernels

/// Layers in f32.
struct FloatLayers: BertLayers, @unchecked Sendable {
    // Unchecked: as ``BertPass``.

    private let configuration: BertConfiguration
    private let weights: BertWeights
    private let packed: PackedWeights
    private let hidden: UnsafeMutablePointer<Float>
    private let queryKeyValue: UnsafeMutablePointer<Float>
    private let context: UnsafeMutablePointer<Float>

    /// - Parameter packed: other weights than the pass's, for the head of a model that runs in another precision.
    init(_ pass: BertPass, _ packed: PackedWeights? = nil) {
        configuration = pass.configuration
        weights = pass.weights
        self.packed = packed ?? pass.packed
        hidden = pass.hidden
        queryKeyValue = pass.queryKeyValue.assumingMemoryBound(to: Float.self)
        context = pass.context.assumingMemoryBound(to: Float.self)
    }

    func project(layer: Int, _ first: Int, _ count: Int) {
        let h = configuration.hiddenSize
        multiply(
            hidden + first * h, count, by: packed.layers[layer].queryKeyValue, into: queryKeyValue + first * 3 * h)
    }

    func attend(head: Int, keys: Range<Int>, _ queries: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
        let h = configuration.hiddenSize
        let d = configuration.headSize
        let query = queryKeyValue + keys.lowerBound * 3 * h + head * d
        ek_attention_f32(
            query, query + h, query + 2 * h, 3 * h, keys.count, d, queries.lowerBound, queries.upperBound,
            context + keys.lowerBound * h + head * d, h, scratch)
    }

    func attend(
        head: Int, gaps: ek_gaps, rows: Int, _ queries: Range<Int>, into contexts: UnsafeMutableRawPointer,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let h = configuration.hiddenSize
        let d = configuration.headSize
        let query = queryKeyValue + head * d
        withUnsafePointer(to: gaps) { gaps in
            ek_attention_gaps_f32(
                query, query + h, query + 2 * h, 3 * h, rows, d, gaps, queries.lowerBound, queries.upperBound,
                contexts.assumingMemoryBound(to: Float.self) + head * d, h, scratch)
        }
    }

    func finish(layer index: Int, _ first: Int, _ count: Int, _ scratch: UnsafeMutablePointer<Float>) {
        let h = configuration.hiddenSize
        let layer = packed.layers[index]
        let norms = weights.layout.layers[index]
        let hidden = hidden + first * h
        let attended = scratch
        let feedForward = scratch + count * h
        multiply(context + first * h, count, by: layer.attentionOutput, plus: hidden, into: attended)
        norm(attended, norms.attentionNorm, count)
        multiply(attended, count, by: layer.feedForwardIn, configuration.activation.kernel, into: feedForward)
        multiply(feedForward, count, by: layer.feedForwardOut, plus: attended, into: hidden)
        norm(hidden, norms.outputNorm, count)
    }

    /// y [rows, h] = norm(f(T x + t)), what the masked-gene head does before its decoder.
    func transform(
        _ x: UnsafePointer<Float>, _ rows: Int, _ head: BertLayout.LanguageModelHead,
        into y: UnsafeMutablePointer<Float>
    ) {
        guard let linear = packed.headTransform else { return }
        multiply(x, rows, by: linear, configuration.activation.kernel, into: y)
        norm(y, head.norm, rows)
    }

    /// y [rows, out] = f(x [rows, in] Wᵀ + b) + residual.
    private func multiply(
        _ x: UnsafePointer<Float>, _ rows: Int, by linear: PackedWeights.Linear,
        _ activation: ek_activation = EK_NO_ACTIVATION, plus residual: UnsafePointer<Float>? = nil,
        into y: UnsafeMutablePointer<Float>
    ) {
        ek_linear_f32(
            x, rows, linear.input, packed.pointer(linear, of: Float.self), packed.bias(linear), linear.output,
            activation, residual, y)
    }

    private func norm(_ x: UnsafeMutablePointer<Float>, _ norm: BertLayout.Pair, _ rows: Int) {
        ek_layer_norm_f32(
            x, x, nil, weights.pointer(norm.weight), weights.pointer(norm.bias), rows, configuration.hiddenSize,
            configuration.layerNormEpsilon)
    }
}
