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

        /// - Throws: `TransformerError` `wrongConfiguration` if the numbers are no configuration.
        func configuration() throws(TransformerError) -> BertConfiguration {
            guard let activation = BertConfiguration.Activation(rawValue: activation) else {
                throw TransformerError(.wrongConfiguration, detail: "the activation \"\(activation)\" is unknown")
            }
            return try BertConfiguration(
                vocabularySize: vocabularySize, hiddenSize: hiddenSize, layerCount: layerCount, headCount: headCount,
                feedForwardSize: feedForwardSize, maximumLength: maximumLength, activation: activation,
                layerNormEpsilon: layerNormEpsilon, tokenTypeCount: tokenTypeCount, paddingToken: paddingToken)
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

        /// Whether so many bytes are its values as f32.
        func hasBytes(_ count: Int) -> Bool {
            var elements = 1
            for size in shape {
                let (product, isTooLarge) = elements.multipliedReportingOverflow(by: size)
                guard size >= 0, !isTooLarge else { return false }
                elements = product
            }
            return count % 4 == 0 && count / 4 == elements
        }
    }

    var name: String
    var sha256: String
    var architecture: Architecture
    var untrainedSeed: UInt64?
    var tensors: [Tensor]
    /// Of a classifier's classes; files written before there were any have no such key.
    var labels: [String]?
    /// Numbers for `info`, so that it need not read the vocabulary.
    var isV2: Bool
    var vocabularyCount: Int
    var geneCount: Int
}
