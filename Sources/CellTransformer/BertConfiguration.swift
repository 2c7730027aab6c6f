/// Sizes of a BERT encoder (Devlin et al. 2019) as Geneformer has it: learned absolute positions, layer norm after
/// each residual sum ("post-norm"), a masked-gene head whose matrix is the word embedding.
package struct BertConfiguration: Sendable, Equatable {
    /// The function between the two linear layers of a feed-forward block, and in the masked-gene head.
    package enum Activation: String, Sendable, Codable {
        case relu
        /// x/2 · (1 + erf(x/√2)), the exact form.
        case gelu
    }

    /// Tokens, 0..<vocabularySize.
    package let vocabularySize: Int
    /// Width of the hidden states, h.
    package let hiddenSize: Int
    /// Transformer layers, one after the other.
    package let layerCount: Int
    /// Attention heads of a layer; each is `hiddenSize / headCount` wide.
    package let headCount: Int
    /// Width between the two linear layers of a feed-forward block.
    package let feedForwardSize: Int
    /// Positions: the longest cell, in tokens.
    package private(set) var maximumLength: Int
    /// The function in the feed-forward blocks and the masked-gene head.
    package let activation: Activation
    /// Added to the variance in a layer norm.
    package let layerNormEpsilon: Float
    /// Rows of the token-type table; only row 0 is used.
    package let tokenTypeCount: Int
    /// The token that fills up batches; its embedding starts as zeros. nil if there is none.
    package let paddingToken: Int?

    /// The width of one head.
    package var headSize: Int { hiddenSize / headCount }

    /// Takes plain values and checks them.
    ///
    /// - Throws: ``TransformerError`` `wrongConfiguration` that names the value.
    package init(
        vocabularySize: Int, hiddenSize: Int, layerCount: Int, headCount: Int, feedForwardSize: Int,
        maximumLength: Int, activation: Activation = .relu, layerNormEpsilon: Float = 1e-12,
        tokenTypeCount: Int = 2, paddingToken: Int? = 0
    ) throws(TransformerError) {
        // The upper ends keep every product of sizes far inside of 64 bits.
        let ranges = [
            ("vocabulary size", vocabularySize, 1 << 24), ("hidden size", hiddenSize, 1 << 16),
            ("number of layers", layerCount, 1 << 10), ("number of heads", headCount, 1 << 16),
            ("feed-forward size", feedForwardSize, 1 << 18), ("maximum length", maximumLength, 1 << 20),
            ("number of token types", tokenTypeCount, 1 << 10),
        ]
        for (name, value, limit) in ranges where value < 1 || value > limit {
            throw TransformerError(
                .wrongConfiguration, detail: "the model's \(name) is \(value), it must be 1 to \(limit)")
        }
        guard hiddenSize % headCount == 0 else {
            throw TransformerError(
                .wrongConfiguration,
                detail: "the model's hidden size \(hiddenSize) is no multiple of its \(headCount) attention heads")
        }
        guard layerNormEpsilon.isFinite, layerNormEpsilon > 0 else {
            throw TransformerError(
                .wrongConfiguration,
                detail: "the model's layer norm epsilon is \(layerNormEpsilon), it must be a number above 0")
        }
        if let paddingToken, paddingToken < 0 || paddingToken >= vocabularySize {
            throw TransformerError(
                .wrongConfiguration,
                detail: "the model's padding token \(paddingToken) is not in its vocabulary of \(vocabularySize)")
        }
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.feedForwardSize = feedForwardSize
        self.maximumLength = maximumLength
        self.activation = activation
        self.layerNormEpsilon = layerNormEpsilon
        self.tokenTypeCount = tokenTypeCount
        self.paddingToken = paddingToken
    }

    /// The same with fewer positions.
    package func shortened(to length: Int) -> BertConfiguration {
        precondition((1...maximumLength).contains(length), "a length that the model can read")
        var result = self
        result.maximumLength = length
        return result
    }

    /// Numbers to learn, the masked-gene head included, which shares its matrix with the word embedding.
    package var parameterCount: Int { BertLayout(self, heads: .languageModel).parameterCount }

    /// Floating-point operations (a multiplication and an addition are two) of one cell of `length` tokens through
    /// the first `layers` layers: linear layers and attention products, without the element-wise rest.
    package func operations(length: Int, layers: Int) -> Int {
        let linear = 2 * length * (4 * hiddenSize * hiddenSize + 2 * hiddenSize * feedForwardSize)
        let attention = 4 * length * length * hiddenSize
        return layers * (linear + attention)
    }
}
