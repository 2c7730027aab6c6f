internal import Foundation

extension HuggingFaceConfig {
    /// A configuration from plain values.
    package init(
        vocabularySize: Int, hiddenSize: Int, hiddenLayers: Int, attentionHeads: Int, intermediateSize: Int,
        hiddenActivation: Activation, maximumPositions: Int, tokenTypes: Int, layerNormEpsilon: Float, padToken: Int?
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.hiddenLayers = hiddenLayers
        self.attentionHeads = attentionHeads
        self.intermediateSize = intermediateSize
        self.hiddenActivation = hiddenActivation
        self.maximumPositions = maximumPositions
        self.tokenTypes = tokenTypes
        self.layerNormEpsilon = layerNormEpsilon
        self.padToken = padToken
    }

    /// The file's text, as Hugging Face's transformers reads it; keys sorted, so that equal models have equal bytes.
    ///
    /// - Parameters:
    ///   - dropout: what the model is trained with, and would be trained with further.
    ///   - type: of the weights beside it.
    package func text(dropout: Float, type: Safetensors.StoredType = .float32) -> String {
        var values: [(key: String, value: String)] = [
            ("architectures", "[" + architectures.map(Self.quoted).joined(separator: ", ") + "]"),
            ("attention_probs_dropout_prob", "\(dropout)"), ("dtype", type == .float32 ? "\"float32\"" : "\"float16\""),
            ("hidden_act", Self.quoted(hiddenActivation.rawValue)), ("hidden_dropout_prob", "\(dropout)"),
            ("hidden_size", "\(hiddenSize)"), ("initializer_range", "0.02"),
            ("intermediate_size", "\(intermediateSize)"), ("layer_norm_eps", layerNormEpsilon.description),
            ("max_position_embeddings", "\(maximumPositions)"), ("model_type", "\"bert\""),
            ("num_attention_heads", "\(attentionHeads)"), ("num_hidden_layers", "\(hiddenLayers)"),
            ("pad_token_id", padToken.map { "\($0)" } ?? "null"), ("tie_word_embeddings", "true"),
            ("type_vocab_size", "\(tokenTypes)"), ("vocab_size", "\(vocabularySize)"),
        ]
        if !labels.isEmpty {
            let names = labels.map(Self.quoted)
            values += [
                ("id2label", "{" + names.enumerated().map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"),
                ("label2id", "{" + names.enumerated().map { "\($1): \($0)" }.joined(separator: ", ") + "}"),
            ]
        }
        let lines = values.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \($0.value)" }
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }

    private static func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return (try? encoder.encode(text)).flatMap { String(data: $0, encoding: .utf8) } ?? "\"\""
    }
}
