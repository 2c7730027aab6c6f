/// Tensors in memory, by name: what is written to a file, or a model made from nothing.
package struct TensorDictionary: TensorArchive {
    /// One tensor: `values`, row-major, as many as `shape` asks for.
    package struct Tensor: Sendable, Equatable {
        package let shape: [Int]
        package let values: [Float]

        package init(shape: [Int], values: [Float]) {
            precondition(
                shape.reduce(1, *) == values.count, "a tensor of shape \(shape) has not \(values.count) values")
            self.shape = shape
            self.values = values
        }
    }

    package let file: String
    package var tensors: [String: Tensor]

    /// `file` names the whole in messages.
    package init(file: String, tensors: [String: Tensor] = [:]) {
        self.file = file
        self.tensors = tensors
    }

    package var tensorNames: [String] { tensors.keys.sorted() }
    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }
    package func type(of name: String) -> TensorType? { tensors[name].map { _ in .float32 } }

    package func floats(_ name: String) throws(CheckpointError) -> [Float] {
        guard let tensor = tensors[name] else {
            throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "there is no tensor of that name")
        }
        return tensor.values
    }
}
