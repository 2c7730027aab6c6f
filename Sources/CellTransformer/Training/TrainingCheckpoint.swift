package import Checkpoints

/// A training as it stands after a step, in a file: parameters, both moments of the optimizer, its step, and whatever words
/// the caller adds. A safetensors file, written beside its place and moved there, so that a kill leaves the one before.
package enum TrainingCheckpoint {
    private static let stepKey = "step"
    private static let parts = ["", "mean/", "variance/"]

    private static func parameters(_ training: ModelTraining) -> [Parameters] {
        [training.parameters, training.optimizer.mean, training.optimizer.variance]
    }

    /// - Throws: ``CheckpointError`` `notWritable`.
    package static func write(
        _ training: ModelTraining, words: [String: String], to path: String
    ) throws(CheckpointError) {
        var metadata = words
        metadata[stepKey] = String(training.step)
        try Safetensors.write(State(parts: parameters(training)), metadata: metadata, to: path)
    }

    /// The words in a file, without its numbers.
    ///
    /// - Throws: ``CheckpointError`` if it is no such file.
    package static func words(_ path: String) throws(CheckpointError) -> [String: String] {
        try SafetensorsFile(path: path).metadata
    }

    /// Takes up a training where the file at `path` left it.
    ///
    /// - Throws: ``CheckpointError`` if the file is not of this model; `training` is then not to be used any more.
    package static func read(_ path: String, into training: ModelTraining) throws(CheckpointError) {
        let file = try SafetensorsFile(path: path)
        guard let step = file.metadata[stepKey].flatMap(Int.init), step >= 0 else {
            throw CheckpointError(.malformed, file: path, detail: "the file is no checkpoint of a training")
        }
        for (part, target) in zip(parts, parameters(training)) {
            for parameter in target.layout.parameters {
                let name = part + parameter.name
                guard file.shape(of: name) == parameter.shape else {
                    throw CheckpointError(
                        .wrongShape, file: path, tensor: name, detail: "the checkpoint is one of another model")
                }
                target.set(parameter, try file.floats(name))
            }
        }
        training.optimizer.step = step
    }

    /// All tensors of the parts, under their names.
    private struct State: TensorArchive {
        let parts: [Parameters]

        var file: String { "the training's checkpoint" }
        var tensorNames: [String] {
            TrainingCheckpoint.parts.flatMap { part in parts[0].layout.parameters.map { part + $0.name } }.sorted()
        }

        private func find(_ name: String) -> (Parameters, String)? {
            for (part, parameters) in zip(TrainingCheckpoint.parts, parts).reversed() where name.hasPrefix(part) {
                return (parameters, String(name.dropFirst(part.count)))
            }
            return nil
        }

        func shape(of name: String) -> [Int]? { find(name).flatMap { $0.0.shape(of: $0.1) } }
        func type(of name: String) -> TensorType? { shape(of: name).map { _ in .float32 } }
        func floats(_ name: String) throws(CheckpointError) -> [Float] {
            guard let (parameters, name) = find(name) else {
                throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "there is none of that name")
            }
            return try parameters.floats(name)
        }
    }
}
