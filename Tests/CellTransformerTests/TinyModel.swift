import CellTransformer
import Checkpoints
import Numerics

/// A random model whose every parameter matters: no bias is 0, no gain is 1, attention is far from uniform.
struct TinyModel {
    let configuration: BertConfiguration
    let tensors: TensorDictionary

    init(
        activation: BertConfiguration.Activation = .relu, layers: Int = 3, maximumLength: Int = 40,
        heads: BertHeads = .languageModel, seed: UInt64 = 1
    ) throws {
        configuration = try BertConfiguration(
            vocabularySize: 50, hiddenSize: 24, layerCount: layers, headCount: 3, feedForwardSize: 40,
            maximumLength: maximumLength, activation: activation)
        var random = SeededRandom(seed: seed)
        var tensors = TensorDictionary(file: "tiny model")
        for parameter in BertLayout(configuration, heads: heads).parameters {
            let isGain = parameter.name.hasSuffix("LayerNorm.weight")
            let scale = parameter.name.contains("embeddings") ? 1.0 : 0.3
            let values = (0..<parameter.count).map { _ in Float((isGain ? 1 : 0) + scale * random.normal()) }
            tensors.tensors[parameter.name] = .init(shape: parameter.shape, values: values)
        }
        self.tensors = tensors
    }

    func weights() throws -> BertWeights { try BertWeights(configuration, from: tensors) }

    var oracle: NaiveBert {
        NaiveBert(configuration: configuration, tensors: tensors.tensors.mapValues { $0.values.map { Double($0) } })
    }

    /// A cell of `length` random tokens.
    func cell(_ length: Int, seed: UInt64 = 7) -> [UInt32] {
        var random = SeededRandom(seed: seed &+ UInt64(length))
        return (0..<length).map { _ in UInt32.random(in: 0..<UInt32(configuration.vocabularySize), using: &random) }
    }
}

/// The largest difference between a matrix and rows of the oracle; infinite where a value is not finite or the
/// shapes differ.
func largestDifference(_ matrix: Matrix, _ rows: [[Double]]) -> Double {
    let expected = rows.flatMap { $0 }
    guard matrix.rows == rows.count, matrix.values.count == expected.count else { return .infinity }
    return zip(matrix.values, expected).reduce(0) { worst, pair in
        let difference = (Double(pair.0) - pair.1).magnitude
        return difference.isFinite ? max(worst, difference) : .infinity
    }
}
