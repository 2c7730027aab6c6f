import Checkpoints
import Testing

private func config(_ changes: [String: String] = [:], without: [String] = []) throws -> HuggingFaceConfig {
    var keys = [
        "model_type": "\"bert\"", "architectures": "[\"BertForMaskedLM\"]", "vocab_size": "300", "hidden_size": "32",
        "num_hidden_layers": "3", "num_attention_heads": "4", "intermediate_size": "64", "hidden_act": "\"relu\"",
        "max_position_embeddings": "128", "type_vocab_size": "2", "layer_norm_eps": "1e-12", "pad_token_id": "0",
        "use_cache": "true", "bos_token_id": "null",
    ]
    for (key, value) in changes { keys[key] = value }
    for key in without { keys[key] = nil }
    let json = "{" + keys.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
    return try HuggingFaceConfig(json: Array(json.utf8), file: "config.json")
}

struct HuggingFaceConfigTests {
    @Test("a Geneformer configuration is read")
    func reads() throws {
        let config = try config()
        #expect(config.architectures == ["BertForMaskedLM"])
        #expect(config.vocabularySize == 300)
        #expect(config.hiddenSize == 32)
        #expect(config.hiddenLayers == 3)
        #expect(config.attentionHeads == 4)
        #expect(config.intermediateSize == 64)
        #expect(config.hiddenActivation == .relu)
        #expect(config.maximumPositions == 128)
        #expect(config.tokenTypes == 2)
        #expect(config.layerNormEpsilon == 1e-12)
        #expect(config.padToken == 0)
        #expect(config.labels.isEmpty)
        #expect(config.seed == nil)
    }

    @Test("what the file leaves out is as Hugging Face has it")
    func defaults() throws {
        let config = try config(without: ["hidden_act", "type_vocab_size", "layer_norm_eps"])
        #expect(config.hiddenActivation == .gelu)
        #expect(config.tokenTypes == 2)
        #expect(config.layerNormEpsilon == 1e-12)
    }

    @Test("labels are put in the order of their numbers")
    func labels() throws {
        let names = try config(["id2label": "{\"2\": \"hcm\", \"0\": \"nf\", \"1\": \"dcm\"}"]).labels
        #expect(names == ["nf", "dcm", "hcm"])
        #expect(try config(["num_labels": "2"]).labels == ["LABEL_0", "LABEL_1"])
        #expect(throws: CheckpointError.self) { try config(["id2label": "{\"1\": \"a\", \"7\": \"b\"}"]) }
    }

    @Test("our own seed marks an untrained model")
    func seed() throws {
        #expect(try config(["embdb_seed": "17"]).seed == 17)
        #expect(throws: CheckpointError.self) { try config(["embdb_seed": "-1"]) }
    }

    @Test("an error names key and value", arguments: [
        ("hidden_size", "30", "30"), ("hidden_size", "0", "0"), ("hidden_size", "null", "null"),
        ("num_attention_heads", "-4", "-4"), ("vocab_size", "99999999999", "99999999999"), ("vocab_size", "\"x\"", "x"),
        ("vocab_size", "1.5", "1.5"), ("model_type", "\"gpt2\"", "gpt2"), ("hidden_act", "\"gelu_new\"", "gelu_new"),
        ("position_embedding_type", "\"relative_key\"", "relative_key"), ("layer_norm_eps", "0", "0"),
        ("layer_norm_eps", "\"x\"", "x"), ("is_decoder", "true", "true"), ("pad_token_id", "300", "300"),
    ])
    func errors(key: String, value: String, shown: String) throws {
        let error = try #require(throws: CheckpointError.self) { try config([key: value]) }
        #expect(error.detail.contains(key))
        #expect(error.detail.contains(shown))
    }

    @Test("a missing size is named")
    func missing() throws {
        let error = try #require(throws: CheckpointError.self) { try config(without: ["hidden_size"]) }
        #expect(error.detail.contains("hidden_size is missing"))
    }

    @Test("what is no JSON object is an error")
    func noJSON() {
        for text in ["", "[]", "{", "{\"a\":}", "nul"] {
            #expect(throws: CheckpointError.self) { try HuggingFaceConfig(json: Array(text.utf8), file: "config.json") }
        }
    }
}
