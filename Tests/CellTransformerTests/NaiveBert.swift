import CellTransformer
import Foundation

/// The encoder as its equations say it, in Double and without any blocking: the oracle. Tensors by their checkpoint
/// names.
struct NaiveBert {
    let configuration: BertConfiguration
    let tensors: [String: [Double]]

    typealias Rows = [[Double]]

    private func tensor(_ name: String) -> [Double] { tensors[name] ?? [] }

    private func embedding(_ name: String, _ row: Int) -> ArraySlice<Double> {
        let h = configuration.hiddenSize
        return tensor("bert.embeddings." + name + ".weight")[row * h..<(row + 1) * h]
    }

    /// x Wᵀ + b
    private func linear(_ x: Rows, _ name: String) -> Rows {
        let weight = tensor(name + ".weight")
        let bias = tensor(name + ".bias")
        return x.map { row in
            bias.indices.map { out in
                row.withUnsafeBufferPointer { row in
                    weight.withUnsafeBufferPointer { weight in
                        var sum = bias[out]
                        for index in row.indices { sum += row[index] * weight[out * row.count + index] }
                        return sum
                    }
                }
            }
        }
    }

    private func norm(_ x: Rows, _ name: String) -> Rows {
        let gain = tensor(name + ".weight")
        let bias = tensor(name + ".bias")
        return x.map { row in
            let mean = row.reduce(0, +) / Double(row.count)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
            let scale = 1 / (variance + Double(configuration.layerNormEpsilon)).squareRoot()
            return row.indices.map { (row[$0] - mean) * scale * gain[$0] + bias[$0] }
        }
    }

    private func activation(_ x: Rows) -> Rows {
        x.map { row in
            row.map { value in
                switch configuration.activation {
                case .relu: max(0, value)
                case .gelu: value / 2 * erfc(-value / 2.0.squareRoot())
                }
            }
        }
    }

    private func sum(_ a: Rows, _ b: Rows) -> Rows { zip(a, b).map { zip($0, $1).map { $0 + $1 } } }

    /// - Parameters:
    ///   - keys: whose keys and values are attended to; those of `x` by default.
    ///   - factors: of each key's exponential, for all queries but its own.
    private func attention(_ x: Rows, _ name: String, keys: Rows? = nil, factors: [Double]? = nil) -> Rows {
        let keys = keys ?? x
        let q = linear(x, name + "query")
        let k = linear(keys, name + "key")
        let v = linear(keys, name + "value")
        let d = configuration.hiddenSize / configuration.headCount
        return x.indices.map { i in
            var context = [Double](repeating: 0, count: configuration.hiddenSize)
            for head in 0..<configuration.headCount {
                let columns = head * d..<(head + 1) * d
                var weights = keys.indices.map { j in
                    var score = 0.0
                    for column in columns { score += q[i][column] * k[j][column] }
                    return score / Double(d).squareRoot()
                }
                let largest = weights.max() ?? 0
                weights = weights.map { exp($0 - largest) }
                if let factors { for j in keys.indices where j != i { weights[j] *= factors[j] } }
                let total = weights.reduce(0, +)
                for j in keys.indices {
                    let weight = weights[j] / total
                    for column in columns { context[column] += weight * v[j][column] }
                }
            }
            return context
        }
    }

    /// Hidden states 0, at positions from 0 or at others.
    func embedded(_ tokens: [UInt32], positions: [Int]? = nil) -> Rows {
        let sums = zip(tokens, positions ?? Array(tokens.indices)).map { token, position in
            zip(
                zip(embedding("word_embeddings", Int(token)), embedding("token_type_embeddings", 0)),
                embedding("position_embeddings", position)
            ).map { $0.0 + $0.1 + $1 }
        }
        return norm(sums, "bert.embeddings.LayerNorm")
    }

    /// What a layer makes of `x`.
    func layer(_ index: Int, _ x: Rows, keys: Rows? = nil, factors: [Double]? = nil) -> Rows {
        let name = "bert.encoder.layer.\(index)."
        let context = linear(
            attention(x, name + "attention.self.", keys: keys, factors: factors), name + "attention.output.dense")
        let a = norm(sum(x, context), name + "attention.output.LayerNorm")
        let inner = activation(linear(a, name + "intermediate.dense"))
        return norm(sum(a, linear(inner, name + "output.dense")), name + "output.LayerNorm")
    }

    /// Hidden states 0...layerCount, each [tokens][h].
    func hiddenStates(_ tokens: [UInt32]) -> [Rows] {
        var states = [embedded(tokens)]
        for index in 0..<configuration.layerCount { states.append(layer(index, states[index])) }
        return states
    }

    /// Masked-gene logits of the last hidden states, [tokens][vocabulary].
    func logits(_ last: Rows) -> Rows {
        let head = "cls.predictions."
        let transformed = norm(
            activation(linear(last, head + "transform.dense")), head + "transform.LayerNorm")
        let bias = tensor(head + "bias")
        return transformed.map { row in
            bias.indices.map { token in
                zip(row, embedding("word_embeddings", token)).reduce(bias[token]) { $0 + $1.0 * $1.1 }
            }
        }
    }
}
