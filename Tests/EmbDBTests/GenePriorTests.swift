import EmbDB
import Foundation
import Numerics
import Testing

@Suite("What genes' vectors say about means")
struct GenePriorTests {
    /// The Gaussian process with the whole covariance, the likelihood's best of the same twelve.
    static func dense(
        _ embeddings: [[Float]], _ observed: [(mean: Double, error: Double)?]
    ) throws -> (means: [Double], variances: [Double]) {
        let (n, d) = (embeddings.count, embeddings[0].count)
        let middle = (0..<d).map { column in embeddings.reduce(0) { $0 + Double($1[column]) } / Double(n) }
        let x = embeddings.map { vector in
            let centred = zip(vector, middle).map { Double($0) - $1 }
            let norm = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return centred.map { $0 / norm }
        }
        func k(_ a: Int, _ b: Int) -> Double { zip(x[a], x[b]).reduce(0) { $0 + $1.0 * $1.1 } }
        let seen = observed.indices.filter { observed[$0] != nil }
        let y = seen.compactMap { observed[$0]?.mean }
        let mean = y.reduce(0, +) / Double(y.count)
        let spread = y.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(y.count - 1)
        var best: (likelihood: Double, means: [Double], variances: [Double]) = (-.infinity, [], [])
        for f in [0.3, 0.6, 0.9] {
            for t in [0.1, 0.3, 0.6, 1].map({ $0 * spread }) {
                func covariance(_ a: Int, _ b: Int) -> Double { t * (f * k(a, b) + (a == b ? 1 - f : 0)) }
                let matrix = seen.flatMap { a in
                    seen.map { b in covariance(a, b) + (a == b ? observed[a]?.error ?? 0 : 0) }
                }
                let factor = try #require(Cholesky(matrix, count: seen.count))
                let solved = factor.solved(y.map { $0 - mean })
                let fit = zip(solved, y).reduce(0) { $0 + $1.0 * ($1.1 - mean) }
                let likelihood = -(fit + factor.logDeterminant) / 2
                guard likelihood > best.likelihood else { continue }
                let rows = (0..<n).map { a in seen.map { covariance(a, $0) } }
                best = (
                    likelihood, rows.map { row in mean + zip(row, solved).reduce(0) { $0 + $1.0 * $1.1 } },
                    rows.enumerated().map { a, row in
                        covariance(a, a) - zip(row, factor.solved(row)).reduce(0) { $0 + $1.0 * $1.1 }
                    }
                )
            }
        }
        return (best.means, best.variances)
    }

    @Test("is the Gaussian process of its definition", arguments: [1, 2, 3] as [UInt64])
    func definition(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let embeddings = (0..<30).map { _ in (0..<6).map { _ in Float(random.normal()) + 1 } }
        let slope = (0..<6).map { _ in random.normal() }
        let observed: [(mean: Double, error: Double)?] = embeddings.enumerated().map { gene, vector in
            guard gene % 4 != 1 else { return nil }
            // One without an error: all of its cells were measured.
            let error = gene == 8 ? 0 : 0.05 + 0.2 * random.uniform()
            let value = zip(vector, slope).reduce(0) { $0 + Double($1.0) * $1.1 } + 0.3 * random.normal()
            return (value, error)
        }
        let found = GenePrior(embeddings).posterior(observed)
        let expected = try Self.dense(embeddings, observed)
        for gene in embeddings.indices {
            #expect(abs(found.means[gene] - expected.means[gene]) < 1e-8)
            #expect(abs(found.variances[gene] - expected.variances[gene]) < 1e-8)
        }
        #expect(abs(found.means[8] - (observed[8]?.mean ?? 0)) < 1e-9 && found.variances[8] < 1e-9)
    }

    @Test("with too little to learn from, what was observed stays as it is")
    func few() {
        let prior = GenePrior([[1, 0], [0, 1], [1, 1]])
        let two = prior.posterior([(2, 0.5), nil, (4, 0.1)])
        #expect(two.means == [2, 3, 4])
        let none = prior.posterior([nil, nil, nil])
        #expect(none.means == [0, 0, 0])
        let same = prior.posterior([(1, 0.5), (1, 0.5), (1, 0.5)])
        #expect(same.means == [1, 1, 1])
    }
}
