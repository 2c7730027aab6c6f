internal import Checkpoints

/// A checkpoint seen through Hugging Face's BERT names.
struct BertCheckpoint<Archive: TensorArchive> {
    private let archive: Archive
    /// "bert." where the encoder is part of a model with a head, "" where it was saved alone.
    private let prefix: String

    private static var decoderWeight: String { "cls.predictions.decoder.weight" }
    private static var decoderBias: String { "cls.predictions.decoder.bias" }
    private static var headBias: String { "cls.predictions.bias" }

    init(_ archive: Archive) {
        self.archive = archive
        prefix = archive.tensorNames.contains { $0.hasPrefix("bert.") } ? "bert." : ""
    }

    /// What is there beside the encoder. A part counts as there with its first matrix; then all of it must be.
    var heads: BertHeads {
        BertHeads(
            languageModel: archive.shape(of: "cls.predictions.transform.dense.weight") != nil,
            pooler: archive.shape(of: prefix + "pooler.dense.weight") != nil,
            labels: archive.shape(of: "classifier.weight")?.first)
    }

    /// The name in the file of a parameter.
    private func storedName(_ parameter: BertLayout.Parameter) -> String {
        // The head's bias is stored under either of two names, or both.
        if parameter.name == Self.headBias, archive.shape(of: Self.headBias) == nil,
            archive.shape(of: Self.decoderBias) != nil
        {
            return Self.decoderBias
        }
        return parameter.name.hasPrefix("bert.") ? prefix + parameter.name.dropFirst(5) : parameter.name
    }

    /// - Throws: ``CheckpointError`` `missingTensor` or `wrongShape`.
    func check(_ parameter: BertLayout.Parameter) throws(CheckpointError) {
        let name = storedName(parameter)
        guard let shape = archive.shape(of: name) else {
            throw CheckpointError(
                .missingTensor, file: archive.file, tensor: name,
                detail: "the model needs a tensor that the file does not have")
        }
        guard shape == parameter.shape else {
            throw CheckpointError(
                .wrongShape, file: archive.file, tensor: name,
                detail: "the shape is \(shape), the model's configuration asks for \(parameter.shape)")
        }
    }

    /// - Throws: ``CheckpointError`` of the archive, or `malformed` for values that are not finite.
    func values(of parameter: BertLayout.Parameter) throws(CheckpointError) -> [Float] {
        let name = storedName(parameter)
        let values = try archive.floats(name)
        guard values.count == parameter.count else {
            throw CheckpointError(
                .malformed, file: archive.file, tensor: name,
                detail: "the tensor has \(values.count) values, its shape asks for \(parameter.count)")
        }
        guard let index = values.firstIndex(where: { !$0.isFinite }) else { return values }
        throw CheckpointError(
            .malformed, file: archive.file, tensor: name, detail: "value \(index) is \(values[index]), no finite number"
        )
    }

    /// Copies of tied tensors, if the file has them, must equal what they are tied to: an untied head would give
    /// other logits than ours.
    ///
    /// - Throws: ``CheckpointError`` `unsupported`.
    func checkTies(to weights: BertWeights) throws(CheckpointError) {
        guard weights.layout.head != nil else { return }
        let ties = [(Self.decoderWeight, "bert.embeddings.word_embeddings.weight"), (Self.decoderBias, Self.headBias)]
        for (copy, original) in ties where archive.shape(of: copy) != nil {
            guard try archive.floats(copy) == weights.floats(original) else {
                throw CheckpointError(
                    .unsupported, file: archive.file, tensor: copy,
                    detail: "the tensor differs from \(original)",
                    advice: "use a model that shares the two")
            }
        }
    }

    /// Tensors that are neither parameters of `layout` nor known copies and buffers, sorted.
    func unusedTensors(beside layout: BertLayout) -> [String] {
        var known = Set(layout.parameters.map(storedName))
        known.insert(prefix + "embeddings.position_ids")
        if layout.head != nil { known.formUnion([Self.decoderWeight, Self.decoderBias, Self.headBias]) }
        return archive.tensorNames.filter { !known.contains($0) }.sorted()
    }
}
