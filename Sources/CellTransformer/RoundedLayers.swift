internal import CKernels

/// Layers whose products take bfloat16 numbers. What is only read by products is kept rounded; sums and the residual
/// stream are f32.
struct RoundedLayers: BertLayers, @unchecked Sendable {
    // Unchecked: as ``BertPass``.

    private let configuration: BertConfiguration
    private let weights: BertWeights
    private let packed: PackedWeights
    private let hidden: UnsafeMutablePointer<Float>
    /// ``hidden``, rounded.
    private let rounded: UnsafeMutablePointer<UInt16>
    private let queryKeyValue: UnsafeMutablePointer<UInt16>
    private let context: UnsafeMutablePointer<UInt16>

    init(_ pass: BertPass) {
        configuration = pass.configuration
        weights = pass.weights
        packed = pass.packed
        hidden = pass.hidden
        rounded = pass.rounded
        queryKeyValue = pass.queryKeyValue.assumingMemoryBound(to: UInt16.self)
        context = pass.context.assumingMemoryBound(to: UInt16.self)
    }

    func project(layer: Int, _ first: Int, _ count: Int) {
        let h = configuration.hiddenSize
        multiply(
            rounded + first * h, count, by: packed.layers[layer].queryKeyValue, rounded: queryKeyValue + first * 3 * h)
    }

    func attend(head: Int, keys: Range<Int>, _ queries: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
        let h = configuration.hiddenSize
        let d = configuration.headSize
        let query = queryKeyValue + keys.lowerBound * 3 * h + head * d
        ek_attention_bf16(
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
            ek_attention_gaps_bf16(
                query, query + h, query + 2 * h, 3 * h, rows, d, gaps, queries.lowerBound, queries.upperBound,
                contexts.assumingMemoryBound(to: UInt16.self) + head * d, h, scratch)
        }
    }

    func finish(layer index: Int, _ first: Int, _ count: Int, _ scratch: UnsafeMutablePointer<Float>) {
        let h = configuration.hiddenSize
        let layer = packed.layers[index]
        let norms = weights.layout.layers[index]
        let hidden = hidden + first * h
        let attended = scratch
        let attendedRounded = UnsafeMutableRawPointer(scratch + count * h).assumingMemoryBound(to: UInt16.self)
        let feedForward = attendedRounded + count * h
        multiply(context + first * h, count, by: layer.attentionOutput, plus: hidden, into: attended)
        norm(attended, norms.attentionNorm, count, rounded: attendedRounded)
        multiply(
            attendedRounded, count, by: layer.feedForwardIn, configuration.activation.kernel, rounded: feedForward)
        multiply(feedForward, count, by: layer.feedForwardOut, plus: attended, into: hidden)
        norm(hidden, norms.outputNorm, count, rounded: rounded + first * h)
    }

    /// f(x [rows, in] Wᵀ + b) + residual, to y [rows, out], and rounded.
    private func multiply(
        _ x: UnsafePointer<UInt16>, _ rows: Int, by linear: PackedWeights.Linear,
        _ activation: ek_activation = EK_NO_ACTIVATION, plus residual: UnsafePointer<Float>? = nil,
        into y: UnsafeMutablePointer<Float>? = nil, rounded: UnsafeMutablePointer<UInt16>? = nil
    ) {
        ek_linear_bf16(
            x, rows, linear.input, packed.pointer(linear, of: UInt16.self), packed.bias(linear), linear.output,
            activation, residual, y, rounded)
    }

    private func norm(
        _ x: UnsafeMutablePointer<Float>, _ norm: BertLayout.Pair, _ rows: Int, rounded: UnsafeMutablePointer<UInt16>
    ) {
        ek_layer_norm_bf16(
            x, x, nil, weights.pointer(norm.weight), weights.pointer(norm.bias), rows, configuration.hiddenSize,
            configuration.layerNormEpsilon, rounded)
    }
}
