internal import CKernels
internal import Numerics

/// The linear layers of a model in the order in which the kernels read them, made once from ``BertWeights``.
final class PackedWeights: @unchecked Sendable {
    // Unchecked: the memory is written in init alone.

    /// One linear layer.
    struct Linear {
        /// Its first float.
        let offset: Int
        /// Offset of its bias in the weights.
        let bias: Int
        let input: Int
        let output: Int
    }

    /// The linear layers of one encoder layer.
    struct Layer {
        let queryKeyValue: Linear
        let attentionOutput: Linear
        let feedForwardIn: Linear
        let feedForwardOut: Linear
    }

    let layers: [Layer]
    /// Of the masked-gene head.
    let headTransform: Linear?
    private let memory: AlignedBuffer<Float>

    init(_ weights: BertWeights) {
        let h = weights.configuration.hiddenSize
        let f = weights.configuration.feedForwardSize
        var size = 0
        var linears: [(Linear, weight: Int)] = []
        func place(_ pair: BertLayout.Pair, input: Int, output: Int) -> Linear {
            let linear = Linear(offset: size, bias: pair.bias, input: input, output: output)
            linears.append((linear, pair.weight))
            size += ek_packed_size(output, input)
            return linear
        }
        layers = weights.layout.layers.map { layer in
            Layer(
                queryKeyValue: place(layer.queryKeyValue, input: h, output: 3 * h),
                attentionOutput: place(layer.attentionOutput, input: h, output: h),
                feedForwardIn: place(layer.feedForwardIn, input: h, output: f),
                feedForwardOut: place(layer.feedForwardOut, input: f, output: h))
        }
        headTransform = weights.layout.head.map { place($0.transform, input: h, output: h) }
        memory = AlignedBuffer(repeating: 0, count: size)
        for (linear, weight) in linears {
            ek_pack_f32(
                weights.pointer(weight), linear.output, linear.input, memory.baseAddress + linear.offset)
        }
    }

    /// The panels of a linear layer; valid while this object lives.
    func pointer(_ linear: Linear) -> UnsafePointer<Float> { UnsafePointer(memory.baseAddress + linear.offset) }
}
