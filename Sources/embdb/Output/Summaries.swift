internal import EmbDB
internal import Foundation

/// `value` with so many decimals; what rounds to nothing has no sign.
func decimal(_ value: Double, _ places: Int) -> String {
    let text = String(format: "%.\(places)f", value)
    return text.hasPrefix("-") && text.dropFirst().allSatisfy { $0 == "0" || $0 == "." }
        ? String(text.dropFirst()) : text
}

/// The double with the float's own shortest decimal: 0.1 stays 0.1.
func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }

/// Bytes as people read them.
func byteCount(_ bytes: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\(decimal(value, 1)) \(units[unit])"
}

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
