internal import CKernels
internal import Numerics

/// The linear layers of a model in the order in which the kernels read them, made once from ``BertWeights`` for each
/// precision that is asked for. In bf16, what makes queries is multiplied by what attention wants these multiplied by, so that
/// a query is rounded once.
final class PackedWeights: @unchecked Sendable {
    // Unchecked: the memory is written in init alone.

    /// One linear layer.
    struct Linear {
        /// First byte of its weights.
        let offset: Int
        /// First byte of its bias.
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
        var linears: [(Linear, BertLayout.Pair, queries: Int)] = []
        /// `queries`: so many of the first outputs are queries.
        func place(_ pair: BertLayout.Pair, input: Int, output: Int, queries: Int = 0) -> Linear {
            let linear = Linear(
                offset: size, bias: size + Self.lines(Self.bytes(output, input, precision)), input: input,
                output: output)
            linears.append((linear, pair, queries))
            size = linear.bias + Self.lines(output * MemoryLayout<Float>.size)
            return linear
        }
        layers = weights.layout.layers.map { layer in
            Layer(
                queryKeyValue: place(layer.queryKeyValue, input: h, output: 3 * h, queries: h),
                attentionOutput: place(layer.attentionOutput, input: h, output: h),
                feedForwardIn: place(layer.feedForwardIn, input: h, output: f),
                feedForwardOut: place(layer.feedForwardOut, input: f, output: h))
        }
        headTransform = weights.layout.head.map { place($0.transform, input: h, output: h) }
        memory = AlignedBuffer(repeating: 0, count: size)
        for (linear, pair, queries) in linears {
            let bias = UnsafeMutableRawPointer(memory.baseAddress + linear.bias).assumingMemoryBound(to: Float.self)
            bias.update(from: weights.pointer(pair.bias), count: linear.output)
            let place = UnsafeMutableRawPointer(memory.baseAddress + linear.offset)
            let matrix = weights.pointer(pair.weight)
            switch precision {
            case .f32: ek_pack_f32(matrix, linear.output, linear.input, place.assumingMemoryBound(to: Float.self))
            case .bf16 where queries == 0:
                ek_pack_bf16(matrix, linear.output, linear.input, place.assumingMemoryBound(to: UInt16.self))
            case .bf16:
                let scale = ek_query_scale_bf16(weights.configuration.headSize)
                var scaled = Array(UnsafeBufferPointer(start: matrix, count: linear.output * linear.input))
                for index in 0..<queries * linear.input { scaled[index] *= scale }
                for index in 0..<queries { bias[index] *= scale }
                ek_pack_bf16(scaled, linear.output, linear.input, place.assumingMemoryBound(to: UInt16.self))
            }
        }
    }

    /// Whole cache lines.
    private static func lines(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }

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

    /// The bias of a linear layer, valid while this object lives.
    func bias(_ linear: Linear) -> UnsafePointer<Float> {
        UnsafeRawPointer(memory.baseAddress + linear.bias).assumingMemoryBound(to: Float.self)
    }
}
