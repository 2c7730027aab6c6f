internal import CellTransformer
internal import Foundation

/// What the database says of the model that it holds, beside the tensors and the vocabulary's tables.
struct ModelRecord: Codable, Equatable {
    /// The sizes of the encoder.
    struct Architecture: Codable, Equatable {
        var vocabularySize: Int
        var hiddenSize: Int
        var layerCount: Int
        var headCount: Int
        var feedForwardSize: Int
        var maximumLength: Int
        var activation: String
        var layerNormEpsilon: Float
        var tokenTypeCount: Int
        var paddingToken: Int?

        init(_ configuration: BertConfiguration) {
            vocabularySize = configuration.vocabularySize
            hiddenSize = configuration.hiddenSize
            layerCount = configuration.layerCount
            headCount = configuration.headCount
            feedForwardSize = configuration.feedForwardSize
            maximumLength = configuration.maximumLength
            activation = configuration.activation.rawValue
            layerNormEpsilon = configuration.layerNormEpsilon
            tokenTypeCount = configuration.tokenTypeCount
            paddingToken = configuration.paddingToken
        }

        /// - Throws: ``EmbDBError/Code/corrupted`` if the numbers are no configuration.
        func configuration() throws(EmbDBError) -> BertConfiguration {
            guard let activation = BertConfiguration.Activation(rawValue: activation) else {
                throw EmbDBError(.corrupted, "the stored model's activation \"\(activation)\" is unknown")
            }
            do {
                return try BertConfiguration(
                    vocabularySize: vocabularySize, hiddenSize: hiddenSize, layerCount: layerCount,
                    headCount: headCount, feedForwardSize: feedForwardSize, maximumLength: maximumLength,
                    activation: activation, layerNormEpsilon: layerNormEpsilon, tokenTypeCount: tokenTypeCount,
                    paddingToken: paddingToken)
            } catch {
                throw EmbDBError(.corrupted, "the stored model: \(error.description)", underlying: error)
            }
        }

        /// One line that is the same for equal values, for the fingerprint.
        var text: String {
            "vocabulary \(vocabularySize) hidden \(hiddenSize) layers \(layerCount) heads \(headCount) feed-forward "
                + "\(feedForwardSize) positions \(maximumLength) activation \(activation) epsilon \(layerNormEpsilon) "
                + "token types \(tokenTypeCount) padding \(paddingToken.map(String.init) ?? "none")"
        }
    }

    /// A tensor's name and shape; its values lie under `<sha256>/tensor/<name>`.
    struct Tensor: Codable, Equatable {
        var name: String
        var shape: [Int]
    }

    var name: String
    var sha256: String
    var architecture: Architecture
    var untrainedSeed: UInt64?
    var tensors: [Tensor]
    /// Numbers for `info`, so that it need not read the vocabulary.
    var isV2: Bool
    var vocabularyCount: Int
    var geneCount: Int
}
