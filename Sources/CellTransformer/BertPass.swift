internal import CKernels
internal import Numerics

/// The layers of a forward pass over the cells in a workspace: the border to the kernels. Pointers are into the workspace
/// and the weights, which outlive it; sizes follow from the configuration, and the cells were checked when they came in.
///
/// All rows are treated alike whatever stands beside them, so that a cell's hidden states are the same bytes alone and
/// among others, on one thread and on several.
struct BertPass: @unchecked Sendable {
    // Unchecked: threads write to rows, heads and scratch memory of their own.

    private let configuration: BertConfiguration
    private let weights: BertWeights
    private let packed: PackedWeights
    private let threads: Int
    private let starts: [Int]
    private let hidden: UnsafeMutablePointer<Float>
    private let queryKeyValue: UnsafeMutablePointer<Float>
    private let context: UnsafeMutablePointer<Float>
    private let scratch: UnsafeMutablePointer<Float>
    private let scratchSize: Int

    /// - Parameter workspace: stays where it is while the pass runs.
    init(_ encoder: BertEncoder, _ workspace: borrowing BertWorkspace) {
        configuration = encoder.configuration
        weights = encoder.weights
        packed = encoder.packed
        threads = workspace.threads
        starts = workspace.starts
        hidden = workspace.hidden.baseAddress
        queryKeyValue = workspace.queryKeyValue.baseAddress
        context = workspace.context.baseAddress
        scratch = workspace.scratch.baseAddress
        scratchSize = workspace.scratchSize
    }

    private var rows: Int { starts[starts.count - 1] }

    /// hidden = what layer `layers.upperBound` gives, from what layer `layers.lowerBound` gives.
    ///
    /// A block of rows goes from the attention's output layer to the next layer's queries while it is in the cache.
    func run(_ layers: Range<Int>) {
        guard !layers.isEmpty else { return }
        forEachBlock { first, count, _ in project(layer: layers.lowerBound, first, count) }
        for layer in layers {
            attend()
            forEachBlock { first, count, scratch in
                finish(layer: layer, first, count, scratch)
                if layer + 1 < layers.upperBound { project(layer: layer + 1, first, count) }
            }
        }
    }

    /// Query, key and value of a block of rows.
    private func project(layer: Int, _ first: Int, _ count: Int) {
        let h = configuration.hiddenSize
        multiply(
            hidden + first * h, count, by: packed.layers[layer].queryKeyValue, into: queryKeyValue + first * 3 * h)
    }

    /// hidden = norm(a + W2 f(W1 a)), a = norm(hidden + attention(hidden)), for a block of rows.
    private func finish(layer index: Int, _ first: Int, _ count: Int, _ scratch: UnsafeMutablePointer<Float>) {
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

    /// context = softmax(Q Kᵀ / √d) V, for every cell and head.
    private func attend() {
        let h = configuration.hiddenSize
        let d = configuration.headSize
        let heads = configuration.headCount
        // Where the heads are fewer than what keeps the threads busy, a cell's queries are divided, too.
        let parts = threads == 1 ? 1 : max(1, 4 * threads / (heads * (starts.count - 1)))
        forEach((starts.count - 1) * heads * parts) { task, scratch in
            let cell = task / (heads * parts)
            let head = task / parts % heads
            let start = starts[cell]
            let length = starts[cell + 1] - start
            let share = ((length + parts - 1) / parts + 31) / 32 * 32
            let first = task % parts * share
            guard first < length else { return }
            let query = queryKeyValue + start * 3 * h + head * d
            ek_attention_f32(
                query, query + h, query + 2 * h, 3 * h, length, d, first, min(length, first + share),
                context + start * h + head * d, h, scratch)
        }
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
            x, rows, linear.input, packed.pointer(linear), weights.pointer(linear.bias), linear.output, activation,
            residual, y)
    }

    private func norm(_ x: UnsafeMutablePointer<Float>, _ norm: BertLayout.Pair, _ rows: Int) {
        ek_layer_norm_f32(
            x, x, nil, weights.pointer(norm.weight), weights.pointer(norm.bias), rows, configuration.hiddenSize,
            configuration.layerNormEpsilon)
    }

    private func forEachBlock(_ body: @Sendable (Int, Int, UnsafeMutablePointer<Float>) -> Void) {
        let size = BertWorkspace.blockRows
        forEach((rows + size - 1) / size) { block, scratch in
            body(block * size, min(size, rows - block * size), scratch)
        }
    }

    /// Calls `body` with 0..<count, and scratch memory that no other call has meanwhile.
    private func forEach(_ count: Int, _ body: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void) {
        guard threads > 1, count > 1 else {
            for index in 0..<count { body(index, scratch) }
            return
        }
        Parallel.forEach(count, workers: threads) { worker, index in body(index, scratch + worker * scratchSize) }
    }
}

extension BertConfiguration.Activation {
    var kernel: ek_activation {
        switch self {
        case .relu: EK_RELU
        case .gelu: EK_GELU
        }
    }
}
