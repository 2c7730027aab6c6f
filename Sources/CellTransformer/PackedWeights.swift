internal import CKernels
internal import Numerics

/// The linear layers of a model in the order in which the kernels read them, made once from ``BertWeights`` for each
/// precision that is asked for.
final class PackedWeights: @unchecked Sendable {
    // Unchecked: the memory is written in init alone.

    /// One linear layer.
    struct Linear {
        /// Its first byte.
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
    private let memory: AlignedBuffer<UInt8>

    init(_ weights: BertWeights, _ precision: Precision) {
        let h = weights.configuration.hiddenSize
        let f = weights.configuration.feedForwardSize
        var size = 0
        var linears: [(Linear, weight: Int)] = []
        func place(_ pair: BertLayout.Pair, input: Int, output: Int) -> Linear {
            let linear = Linear(offset: size, bias: pair.bias, input: input, output: output)
            linears.append((linear, pair.weight))
            // Whole cache lines.
            size += (Self.bytes(output, input, precision) + 63) / 64 * 64
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
            let place = UnsafeMutableRawPointer(memory.baseAddress + linear.offset)
            switch precision {
            case .f32:
                ek_pack_f32(
                    weights.pointer(weight), linear.output, linear.input, place.assumingMemoryBound(to: Float.self))
            case .bf16:
                ek_pack_bf16(
                    weights.pointer(weight), linear.output, linear.input, place.assumingMemoryBound(to: UInt16.self))
            }
        }
    }

    private static func bytes(_ output: Int, _ input: Int, _ precision: Precision) -> Int {
        switch precision {
        case .f32: ek_packed_size(output, input) * MemoryLayout<Float>.size
        case .bf16: ek_packed_size_bf16(output, input) * MemoryLayout<UInt16>.size
        }
    }

    /// The panels of a linear layer, of the type that its precision has; valid while this object lives.
    func pointer<Number>(_ linear: Linear, of _: Number.Type) -> UnsafePointer<Number> {
        UnsafeRawPointer(memory.baseAddress + linear.offset).assumingMemoryBound(to: Number.self)
    }
}
