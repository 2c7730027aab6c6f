package import Checkpoints
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

    /// Replaces the numbers of one tensor.
    package func set(_ parameter: BertLayout.Parameter, _ values: [Float]) {
        precondition(values.count == parameter.count, "other numbers than the parameter has")
        _ = UnsafeMutableBufferPointer(start: pointer(parameter.offset), count: parameter.count)
            .update(fromContentsOf: values)
    }
}

/// The numbers as a checkpoint with Hugging Face's names, to be written to a file.
extension Parameters: TensorArchive {
    package var file: String { "a model in training" }

    package var tensorNames: [String] { layout.parameters.map(\.name).sorted() }

    package func shape(of name: String) -> [Int]? { parameter(name)?.shape }

    package func type(of name: String) -> TensorType? { parameter(name).map { _ in .float32 } }

    package func floats(_ name: String) throws(CheckpointError) -> [Float] {
        guard let parameter = parameter(name) else {
            throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "the model has none of that name")
        }
        return Array(memory.pointer[parameter.offset..<parameter.offset + parameter.count])
    }

    private func parameter(_ name: String) -> BertLayout.Parameter? {
        layout.parameters.first { $0.name == name }
    }
}
