internal import Foundation

/// The `config.json` of a BERT model as Hugging Face writes it; keys that do not change the computation are ignored.
package struct HuggingFaceConfig: Sendable, Hashable {
    /// The activation of the feed-forward layers and of the prediction head.
    package enum Activation: String, Sendable, CaseIterable {
        /// max(0, x)
        case relu
        /// x Φ(x), by the exact error function
        case gelu
    }

    /// Names of classes such as `BertForMaskedLM`; empty if the file has none.
    package var architectures: [String] = []
    /// Rows of the embedding table.
    package var vocabularySize: Int
    /// Width of the hidden states; a multiple of ``attentionHeads``.
    package var hiddenSize: Int
    /// Number of encoder layers.
    package var hiddenLayers: Int
    /// Heads of each layer.
    package var attentionHeads: Int
    /// Width between the two feed-forward matrices.
    package var intermediateSize: Int
    package var hiddenActivation: Activation
    /// The longest input.
    package var maximumPositions: Int
    /// Rows of the token type table; row 0 is the one in use.
    package var tokenTypes: Int
    /// Added to the variance in layer norms; > 0.
    package var layerNormEpsilon: Float
    /// The token that fills up batches.
    package var padToken: Int?
    /// The classes of a classifier by number; empty if the file names none.
    package var labels: [String] = []
    /// Our own key `embdb_seed`: the model is untrained, its weights are drawn from this seed.
    package var seed: UInt64?

    /// Reads the file at `path`.
    ///
    /// - Throws: ``CheckpointError`` `notFound`, `notReadable`; `malformed` if it is no JSON or a value contradicts another
    ///   one; `unsupported` for another kind of model. The detail names key and value.
    package init(path: String) throws(CheckpointError) {
        let file = try ReadOnlyFile(path: path)
        guard file.size <= 1 << 24 else {
            throw CheckpointError(.tooLarge, file: path, detail: "\(file.size) bytes are too many for a config.json")
        }
        try self.init(json: try file.read(at: 0, count: file.size), file: path)
    }

    /// The same from bytes in memory; `file` names them in messages.
    package init(json: [UInt8], file: String) throws(CheckpointError) {
        try GitLFSPointer.refuse(json, file: file)
        let keys: ConfigKeys
        do {
            keys = ConfigKeys(values: try JSONDecoder().decode([String: JSONValue].self, from: Data(json)), file: file)
        } catch {
            throw CheckpointError(.malformed, file: file, detail: "no JSON object with a model's configuration")
        }
        try keys.require("model_type", oneOf: ["bert"])
        try keys.require("position_embedding_type", oneOf: ["absolute"], orAbsent: true)
        for key in ["is_decoder", "add_cross_attention"] where keys.values[key] == .bool(true) {
            throw keys.unsupported(key, "only encoders are read")
        }
        let activation = try keys.text("hidden_act") ?? Activation.gelu.rawValue
        guard let hiddenActivation = Activation(rawValue: activation) else {
            throw keys.unsupported("hidden_act", "relu and gelu are known")
        }
        self.hiddenActivation = hiddenActivation
        vocabularySize = try keys.size("vocab_size", atMost: 1 << 24)
        hiddenSize = try keys.size("hidden_size", atMost: 1 << 16)
        hiddenLayers = try keys.size("num_hidden_layers", atMost: 1 << 10)
        attentionHeads = try keys.size("num_attention_heads", atMost: 1 << 12)
        intermediateSize = try keys.size("intermediate_size", atMost: 1 << 18)
        maximumPositions = try keys.size("max_position_embeddings", atMost: 1 << 24)
        tokenTypes = try keys.size("type_vocab_size", atMost: 1 << 16, orAbsent: 2)
        guard hiddenSize.isMultiple(of: attentionHeads) else {
            throw keys.malformed("hidden_size", "it is no multiple of num_attention_heads (\(attentionHeads))")
        }
        let epsilon = try keys.number("layer_norm_eps") ?? 1e-12
        guard epsilon > 0, epsilon < 1, Float(epsilon) > 0 else {
            throw keys.malformed("layer_norm_eps", "it must lie between 0 and 1")
        }
        layerNormEpsilon = Float(epsilon)
        if let pad = try keys.integer("pad_token_id") {
            guard pad >= 0, pad < vocabularySize else {
                throw keys.malformed("pad_token_id", "it lies outside of the vocabulary of \(vocabularySize)")
            }
            padToken = pad
        }
        if let number = try keys.integer("embdb_seed") {
            guard number >= 0 else { throw keys.malformed("embdb_seed", "it must be a whole number from 0 on") }
            seed = UInt64(number)
        }
        labels = try keys.labels()
        if case .array(let names)? = keys.values["architectures"] {
            architectures = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
        }
    }
}

/// The keys of a configuration, with errors that name key and value.
private struct ConfigKeys {
    let values: [String: JSONValue]
    let file: String

    private func shown(_ key: String) -> String { "\(key) is \(values[key].map { "\($0)" } ?? "missing")" }

    func malformed(_ key: String, _ detail: String) -> CheckpointError {
        CheckpointError(
            .malformed, file: file, detail: "\(shown(key)): \(detail)",
            advice: "use the config.json that belongs to the weights")
    }

    func unsupported(_ key: String, _ detail: String) -> CheckpointError {
        CheckpointError(
            .unsupported, file: file, detail: "\(shown(key)): \(detail)",
            advice: "give the folder of a BERT encoder such as Geneformer's")
    }

    /// The value; nil if the key is missing or null.
    private func value(_ key: String) -> JSONValue? {
        guard let value = values[key], value != .null else { return nil }
        return value
    }

    func text(_ key: String) throws(CheckpointError) -> String? {
        guard let value = value(key) else { return nil }
        guard case .string(let text) = value else { throw malformed(key, "a text is wanted") }
        return text
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        guard let value = value(key) else { return nil }
        switch value {
        case .integer(let number): return Double(number)
        case .number(let number): return number
        default: throw malformed(key, "a number is wanted")
        }
    }

    func integer(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = value(key) else { return nil }
        guard case .integer(let number) = value else { throw malformed(key, "a whole number is wanted") }
        return number
    }

    func size(_ key: String, atMost limit: Int, orAbsent fallback: Int? = nil) throws(CheckpointError) -> Int {
        guard let number = try integer(key) ?? fallback else { throw malformed(key, "a whole number is needed") }
        guard number >= 1, number <= limit else { throw malformed(key, "it must lie between 1 and \(limit)") }
        return number
    }

    func require(_ key: String, oneOf known: [String], orAbsent: Bool = false) throws(CheckpointError) {
        guard let text = try text(key) else {
            if orAbsent { return }
            throw unsupported(key, "\(known.joined(separator: " or ")) is wanted")
        }
        guard known.contains(text) else { throw unsupported(key, "\(known.joined(separator: " or ")) is wanted") }
    }

    /// Labels by number from `id2label`, else as many as `num_labels` says, named as Hugging Face does.
    func labels() throws(CheckpointError) -> [String] {
        guard case .object(let names)? = value("id2label") else {
            guard let count = try integer("num_labels") else { return [] }
            guard count >= 1, count <= 1 << 16 else { throw malformed("num_labels", "it must lie between 1 and 65536") }
            return (0..<count).map { "LABEL_\($0)" }
        }
        var labels = [String](repeating: "", count: names.count)
        var seen: Set<Int> = []
        for (key, name) in names {
            guard let index = Int(key), labels.indices.contains(index), seen.insert(index).inserted else {
                throw malformed("id2label", "the keys must be 0 to \(names.count - 1)")
            }
            switch name {
            case .string(let text): labels[index] = text
            case .integer, .number, .bool: labels[index] = "\(name)"
            default: throw malformed("id2label", "label \(index) is no text")
            }
        }
        return labels
    }
}
