internal import CellTransformer
internal import Checkpoints
internal import Tokenizers

/// All that turns counts into embeddings: configuration, weights and vocabulary; read-only, shared by all threads.
final class EmbeddingModel: Sendable {
    /// What the user called it: the folder's name, or "default".
    let name: String
    let weights: BertWeights
    /// The seed that the weights were drawn from, if nobody trained them.
    let untrainedSeed: UInt64?
    /// Names of a classifier's classes; empty without one.
    let labels: [String]
    let encoder: RankValueEncoder
    /// Of configuration, vocabulary and weights, see `fingerprint`.
    let sha256: String

    var configuration: BertConfiguration { weights.configuration }
    var vocabulary: Vocabulary { encoder.vocabulary }

    /// - Throws: ``EmbDBError/Code/model`` if vocabulary and model do not fit.
    init(
        name: String, weights: BertWeights, vocabulary: Vocabulary, untrainedSeed: UInt64?, labels: [String] = [],
        sha256: String? = nil
    ) throws(EmbDBError) {
        self.name = name
        self.weights = weights
        self.untrainedSeed = untrainedSeed
        let labelCount = weights.layout.classifierLabels ?? 0
        // A folder need not name them.
        self.labels = labels.count == labelCount ? labels : (0..<labelCount).map { "LABEL_\($0)" }
        guard vocabulary.count <= weights.configuration.vocabularySize else {
            throw EmbDBError(
                .model,
                "the dictionaries have \(vocabulary.count) tokens, the model's config.json \(weights.configuration.vocabularySize) "
                    + "(\(name)): give the dictionaries that belong to the model")
        }
        do {
            encoder = try RankValueEncoder(
                vocabulary: vocabulary, maximumLength: weights.configuration.maximumLength)
        } catch {
            throw EmbDBError(.model, error.description, underlying: error)
        }
        if let sha256 {
            self.sha256 = sha256
        } else {
            self.sha256 = try Self.fingerprint(weights, vocabulary, self.labels)
        }
    }

    /// ``sha256`` computed anew from what is in memory. O(bytes of the weights).
    func computedSHA256() throws(EmbDBError) -> String { try Self.fingerprint(weights, vocabulary, labels) }

    /// SHA-256 over the configuration's text, both vocabulary tables, the labels, and name and f32 bytes of every tensor by name.
    private static func fingerprint(
        _ weights: BertWeights, _ vocabulary: Vocabulary, _ labels: [String]
    ) throws(EmbDBError) -> String {
        var hash = SHA256()
        hash.update("embdb model 1")
        hash.update(ModelRecord.Architecture(weights.configuration).text)
        hash.update(vocabulary.tableText())
        hash.update(vocabulary.mappingText())
        // Models without a classifier have the fingerprints of before there were labels.
        for label in labels { hash.update("label " + label) }
        for name in weights.tensorNames {
            hash.update(name)
            do {
                hash.update(try weights.floats(name))
            } catch {
                throw EmbDBError(.model, error.description, underlying: error)
            }
        }
        return hash.finish()
    }

    /// V1 reads the mean over the genes, V2 the `<cls>` token.
    var defaultPooling: EmbeddingPooling { vocabulary.isV2 ? .cls : .mean }

    /// What the model reads of a cell, given its ranked tokens with the special ones.
    func input(_ tokens: [UInt32]) -> CellInput { encoder.input(tokens) }

    /// A driver that makes embeddings as the database wants them.
    func embedder(_ settings: EmbeddingSettings, precision: EmbeddingPrecision = .f32, threads: Int) -> CellEmbedder {
        let layer: HiddenLayer =
            switch settings.layer {
            case .last: .last
            case .secondToLast, nil: .secondToLast
            }
        let pooling: Pooling =
            switch settings.pooling {
            case .cls: .cls
            case .mean, nil: .mean
            }
        return CellEmbedder(
            weights, layer: layer, pooling: pooling, precision: precision.ofKernels, threads: threads)
    }

    var summary: ModelSummary {
        ModelSummary(
            name: name, sha256: sha256, isUntrained: untrainedSeed != nil,
            kind: vocabulary.isV2 ? "Geneformer V2" : "Geneformer V1", layers: configuration.layerCount,
            hiddenSize: configuration.hiddenSize, heads: configuration.headCount, vocabularySize: vocabulary.count,
            maximumLength: configuration.maximumLength, parameters: configuration.parameterCount)
    }
}

extension RankValueEncoder {
    /// What a model reads of a cell, given its ranked tokens with the special ones.
    func input(_ tokens: [UInt32]) -> CellInput {
        vocabulary.isV2
            ? CellInput(tokens: tokens, genes: 1..<max(1, tokens.count - 1)) : CellInput(tokens: tokens)
    }
}
