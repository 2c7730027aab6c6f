internal import EmbDB

extension DatabaseSummary {
    var json: JSON {
        .object([("cells", .integer(cells)), ("dimension", JSON(dimension)), ("model", model?.json ?? .null)])
    }
}

extension ModelSummary {
    var json: JSON {
        .object([
            ("name", .string(name)), ("sha256", .string(sha256)), ("kind", .string(kind)),
            ("untrained", .bool(isUntrained)), ("layers", .integer(layers)), ("hidden_size", .integer(hiddenSize)),
            ("heads", .integer(heads)), ("vocabulary_size", .integer(vocabularySize)),
            ("maximum_length", .integer(maximumLength)), ("parameters", .integer(parameters)),
        ])
    }

    /// "default (untrained), Geneformer V1, 4 layers × 128, sha256 0123456789ab".
    var text: String {
        "\(name)\(isUntrained ? " (untrained)" : ""), \(kind), \(layers) layers × \(hiddenSize), "
            + "sha256 \(sha256.prefix(12))"
    }
}
