package import Checkpoints
internal import Numerics
internal import Synchronization

/// The parameters of one model, read-only and shared by all threads: one aligned array, laid out by ``BertLayout``.
package final class BertWeights: @unchecked Sendable {
    // Unchecked: the memory is written in init alone.

    package let configuration: BertConfiguration
    package let layout: BertLayout
    /// Where they come from, for messages.
    package let file: String
    /// Names of tensors in the checkpoint that the model has no use for, sorted; for a warning. Copies that every
    /// checkpoint of the kind has are left out.
    package let unusedTensors: [String]
    private let memory: AlignedBuffer<Float>
    private let packing = Mutex<[Precision: PackedWeights]>([:])

    /// The linear layers for the kernels, packed when they are asked for the first time: as much memory again for f32,
    /// half of it for bf16.
    func packed(_ precision: Precision) -> PackedWeights {
        packing.withLock { packed in
            if let made = packed[precision] { return made }
            let made = PackedWeights(self, precision)
            packed[precision] = made
            return made
        }
    }

    /// Allocates zeros and lets `fill` write every parameter into its place.
    private init<E: Error>(
        _ configuration: BertConfiguration, layout: BertLayout, file: String, unusedTensors: [String] = [],
        fill: (BertLayout.Parameter, UnsafeMutableBufferPointer<Float>) throws(E) -> Void
    ) throws(E) {
        self.configuration = configuration
        self.file = file
        self.unusedTensors = unusedTensors
        self.layout = layout
        memory = AlignedBuffer(repeating: 0, count: layout.size)
        for parameter in layout.parameters {
            try fill(parameter, UnsafeMutableBufferPointer(rebasing: memory.pointer[Self.range(parameter)]))
        }
    }

    private static func range(_ parameter: BertLayout.Parameter) -> Range<Int> {
        parameter.offset..<parameter.offset + parameter.count
    }

    /// A new model, as BERT starts (Devlin et al. 2019; Hugging Face's `_init_weights`): matrices normal with
    /// standard deviation 0.02, biases 0, gains 1, the padding token's row 0. The same for a seed on every machine.
    package convenience init(
        _ configuration: BertConfiguration, heads: BertHeads = .languageModel, seed: UInt64
    ) {
        var random = SeededRandom(seed: seed)
        self.init(configuration, layout: BertLayout(configuration, heads: heads), file: "a new model") {
            parameter, values in
            if parameter.shape.count == 2 {
                for index in values.indices { values[index] = Float(0.02 * random.normal()) }
            } else if parameter.name.hasSuffix("LayerNorm.weight") {
                values.update(repeating: 1)
            }
            if let token = configuration.paddingToken, parameter.name.hasSuffix("word_embeddings.weight") {
                let h = configuration.hiddenSize
                UnsafeMutableBufferPointer(rebasing: values[token * h..<(token + 1) * h]).update(repeating: 0)
            }
        }
    }

    /// The encoder of a model, and its pooler if both have one, under other heads: what these have of their own starts as in
    /// a new model.
    ///
    /// - Parameter maximumLength: the first so many positions are taken over; nil: all.
    package convenience init(
        encoderOf weights: BertWeights, heads: BertHeads, maximumLength: Int? = nil, seed: UInt64
    ) {
        let configuration = weights.configuration.shortened(to: maximumLength ?? weights.configuration.maximumLength)
        let new = BertWeights(configuration, heads: heads, seed: seed)
        self.init(configuration, layout: new.layout, file: weights.file) { parameter, values in
            let isShared = parameter.name.hasPrefix("bert.")
            let known = isShared ? weights.parameter(parameter.name) : nil
            let source = known.map { weights.pointer($0.offset) } ?? new.pointer(parameter.offset)
            _ = values.update(fromContentsOf: UnsafeBufferPointer(start: source, count: parameter.count))
        }
    }

    /// The model that a training has made so far.
    package convenience init(_ configuration: BertConfiguration, copying parameters: Parameters) {
        self.init(configuration, layout: parameters.layout, file: parameters.file) { parameter, values in
            _ = values.update(
                fromContentsOf: UnsafeBufferPointer(
                    start: parameters.pointer(parameter.offset), count: parameter.count))
        }
    }

    /// Reads a checkpoint, whose tensors may be named with the prefix `bert.` or without it. The masked-gene head,
    /// pooler and classifier are read where they are there. Every shape is checked before a value is read.
    ///
    /// - Throws: ``CheckpointError`` `missingTensor`, `wrongShape`; `malformed` for values that are not finite;
    ///   `unsupported` if the head's matrix is not the word embedding.
    package convenience init(
        _ configuration: BertConfiguration, from archive: some TensorArchive
    ) throws(CheckpointError) {
        let contents = BertCheckpoint(archive)
        let layout = BertLayout(configuration, heads: contents.heads)
        for parameter in layout.parameters { try contents.check(parameter) }
        try self.init(
            configuration, layout: layout, file: archive.file, unusedTensors: contents.unusedTensors(beside: layout)
        ) { parameter, values throws(CheckpointError) in
            let stored = try contents.values(of: parameter)
            _ = values.update(fromContentsOf: stored)
        }
        try contents.checkTies(to: self)
    }

    /// The encoder of another model, with those of its heads that `heads` names.
    ///
    /// - Throws: ``CheckpointError`` `missingTensor` for a head that it has not.
    package convenience init(_ other: BertWeights, heads: BertHeads) throws(CheckpointError) {
        try self.init(
            other.configuration, layout: BertLayout(other.configuration, heads: heads), file: other.file
        ) { parameter, values throws(CheckpointError) in
            _ = values.update(fromContentsOf: try other.floats(parameter.name))
        }
    }

    /// A token's vector before it is seen in a cell. [h]
    package func wordEmbedding(_ token: UInt32) -> [Float] {
        precondition(Int(token) < configuration.vocabularySize, "no such token")
        let h = configuration.hiddenSize
        return Array(UnsafeBufferPointer(start: pointer(layout.wordEmbeddings) + Int(token) * h, count: h))
    }

    /// The address of the parameter at `offset`; valid while this object lives.
    func pointer(_ offset: Int) -> UnsafePointer<Float> {
        precondition(offset >= 0 && offset < layout.size, "offset outside of the weights")
        return UnsafePointer(memory.baseAddress + offset)
    }
}

/// The weights as a checkpoint with Hugging Face's names, to be written to a file.
extension BertWeights: TensorArchive {
    package var tensorNames: [String] { layout.parameters.map(\.name).sorted() }

    package func shape(of name: String) -> [Int]? { parameter(name)?.shape }

    package func type(of name: String) -> TensorType? { parameter(name).map { _ in .float32 } }

    package func floats(_ name: String) throws(CheckpointError) -> [Float] {
        guard let parameter = parameter(name) else {
            throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "the model has none of that name")
        }
        return Array(memory.pointer[Self.range(parameter)])
    }

    private func parameter(_ name: String) -> BertLayout.Parameter? {
        layout.parameters.first { $0.name == name }
    }
}
