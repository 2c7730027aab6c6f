internal import Numerics

/// One number for every parameter of a model, in its layout, that changes: weights in training, their gradients, an
/// optimizer's moments. Written by one training loop.
package final class Parameters: @unchecked Sendable {
    // Unchecked: the threads of a loop write to places of their own.

    package let layout: BertLayout
    private let memory: AlignedBuffer<Float>

    /// Zeros.
    package init(_ layout: BertLayout) {
        self.layout = layout
        memory = AlignedBuffer(repeating: 0, count: layout.size)
    }

    /// A copy of a model's weights.
    package convenience init(copying weights: BertWeights) {
        self.init(weights.layout)
        memory.baseAddress.update(from: weights.pointer(0), count: layout.size)
    }

    /// All numbers, with the gaps that alignment leaves.
    package var values: UnsafeMutableBufferPointer<Float> { memory.pointer }

    /// The address of the parameter at `offset`; valid while this object lives.
    func pointer(_ offset: Int) -> UnsafeMutablePointer<Float> {
        precondition(offset >= 0 && offset < layout.size, "offset outside of the parameters")
        return memory.baseAddress + offset
    }

    package func removeAll() { memory.pointer.update(repeating: 0) }

    /// The numbers of one tensor; nil if the model has none of that name.
    package func floats(_ name: String) -> [Float]? {
        layout.parameters.first { $0.name == name }.map { Array(memory.pointer[$0.offset..<$0.offset + $0.count]) }
    }
}
