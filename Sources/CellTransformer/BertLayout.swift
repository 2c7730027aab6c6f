/// Which parts a model has on top of its encoder.
package struct BertHeads: Sendable, Equatable {
    /// The masked-gene head: dense, activation, layer norm, then the word embedding as matrix.
    package var languageModel: Bool
    /// The dense layer over the first position that a cell classifier reads.
    package var pooler: Bool
    /// Labels of a classifier's last layer; nil without one.
    package var labels: Int?

    package init(languageModel: Bool = false, pooler: Bool = false, labels: Int? = nil) {
        self.languageModel = languageModel
        self.pooler = pooler
        self.labels = labels
    }

    /// A pretrained model.
    package static let languageModel = BertHeads(languageModel: true)
}

/// Where every parameter of a model lies in one array of floats: weights, gradients and an optimizer's moments have
/// the same layout. Linear weights are [out, in]; query, key and value of a layer follow each other, so that they
/// are one [3h, h] matrix. Matrices and vectors begin on a cache line.
package struct BertLayout: Sendable, Equatable {
    /// One tensor of a checkpoint.
    package struct Parameter: Sendable, Equatable {
        /// Hugging Face's name of it, with the prefix `bert.` where it is part of the encoder.
        package let name: String
        package let shape: [Int]
        /// Its first float.
        package let offset: Int

        package var count: Int { shape.reduce(1, *) }
    }

    /// Offsets of a weight matrix and its bias, or of a norm's gain and bias.
    package struct Pair: Sendable, Equatable {
        package let weight: Int
        package let bias: Int
    }

    /// Offsets of one encoder layer.
    package struct Layer: Sendable, Equatable {
        /// Query, key, value: [3h, h] and [3h].
        package let queryKeyValue: Pair
        /// [h, h] and [h].
        package let attentionOutput: Pair
        package let attentionNorm: Pair
        /// [f, h] and [f].
        package let feedForwardIn: Pair
        /// [h, f] and [h].
        package let feedForwardOut: Pair
        package let outputNorm: Pair
    }

    /// Offsets of the masked-gene head.
    package struct LanguageModelHead: Sendable, Equatable {
        /// [h, h] and [h].
        package let transform: Pair
        package let norm: Pair
        /// Bias of the logits, [vocabulary].
        package let bias: Int
    }

    /// All tensors, in the order of their offsets.
    package let parameters: [Parameter]
    /// Floats in all, with the gaps that alignment leaves.
    package let size: Int
    /// [vocabulary, h]
    package let wordEmbeddings: Int
    /// [positions, h]
    package let positionEmbeddings: Int
    /// [token types, h]
    package let tokenTypeEmbeddings: Int
    package let embeddingNorm: Pair
    package let layers: [Layer]
    package let head: LanguageModelHead?
    /// [h, h] and [h].
    package let pooler: Pair?
    /// [labels, h] and [labels].
    package let classifier: Pair?

    /// Numbers to learn, without gaps.
    package var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// Lays out a model of these sizes.
    package init(_ configuration: BertConfiguration, heads: BertHeads) {
        let h = configuration.hiddenSize
        let f = configuration.feedForwardSize
        var place = Placement()
        let embeddings = "bert.embeddings."
        wordEmbeddings = place.add(embeddings + "word_embeddings.weight", [configuration.vocabularySize, h])
        positionEmbeddings = place.add(embeddings + "position_embeddings.weight", [configuration.maximumLength, h])
        tokenTypeEmbeddings = place.add(embeddings + "token_type_embeddings.weight", [configuration.tokenTypeCount, h])
        embeddingNorm = place.addNorm(embeddings + "LayerNorm", h)
        layers = (0..<configuration.layerCount).map { index in
            let layer = "bert.encoder.layer.\(index)."
            return Layer(
                queryKeyValue: place.addQueryKeyValue(layer + "attention.self.", h),
                attentionOutput: place.addLinear(layer + "attention.output.dense", out: h, in: h),
                attentionNorm: place.addNorm(layer + "attention.output.LayerNorm", h),
                feedForwardIn: place.addLinear(layer + "intermediate.dense", out: f, in: h),
                feedForwardOut: place.addLinear(layer + "output.dense", out: h, in: f),
                outputNorm: place.addNorm(layer + "output.LayerNorm", h))
        }
        head =
            heads.languageModel
            ? LanguageModelHead(
                transform: place.addLinear("cls.predictions.transform.dense", out: h, in: h),
                norm: place.addNorm("cls.predictions.transform.LayerNorm", h),
                bias: place.add("cls.predictions.bias", [configuration.vocabularySize])) : nil
        pooler = heads.pooler ? place.addLinear("bert.pooler.dense", out: h, in: h) : nil
        classifier = heads.labels.map { place.addLinear("classifier", out: $0, in: h) }
        parameters = place.parameters
        size = place.end
    }
}

/// Hands out offsets in order.
private struct Placement {
    var parameters: [BertLayout.Parameter] = []
    var end = 0

    mutating func add(_ name: String, _ shape: [Int], aligned: Bool = true) -> Int {
        let offset = aligned ? (end + 15) / 16 * 16 : end
        let parameter = BertLayout.Parameter(name: name, shape: shape, offset: offset)
        parameters.append(parameter)
        end = offset + parameter.count
        return offset
    }

    mutating func addLinear(_ name: String, out: Int, in width: Int) -> BertLayout.Pair {
        BertLayout.Pair(weight: add(name + ".weight", [out, width]), bias: add(name + ".bias", [out]))
    }

    mutating func addNorm(_ name: String, _ width: Int) -> BertLayout.Pair {
        BertLayout.Pair(weight: add(name + ".weight", [width]), bias: add(name + ".bias", [width]))
    }

    mutating func addQueryKeyValue(_ name: String, _ width: Int) -> BertLayout.Pair {
        let weight = add(name + "query.weight", [width, width])
        for part in ["key", "value"] { _ = add(name + part + ".weight", [width, width], aligned: false) }
        let bias = add(name + "query.bias", [width])
        for part in ["key", "value"] { _ = add(name + part + ".bias", [width], aligned: false) }
        return BertLayout.Pair(weight: weight, bias: bias)
    }
}
