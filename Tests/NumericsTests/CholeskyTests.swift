import Numerics
import Testing

@Suite("Cholesky")
struct CholeskyTests {
    /// A = B Bᵀ + I.
    private static func matrix(_ n: Int, seed: UInt64) -> [Double] {
        var random = SeededRandom(seed: seed)
        let b = (0..<n * n).map { _ in random.normal() }
        return (0..<n * n).map { place in
            let (row, column) = (place / n, place % n)
            return (0..<n).reduce(row == column ? 1 : 0) { $0 + b[row * n + $1] * b[column * n + $1] }
        }
    }

    /// By cofactors.
    private static func determinant(_ a: [[Double]]) -> Double {
        guard a.count > 1 else { return a[0][0] }
        return a.indices.reduce(0) { sum, column in
            let minor = a.dropFirst().map { row in row.indices.filter { $0 != column }.map { row[$0] } }
            return sum + (column % 2 == 0 ? 1 : -1) * a[0][column] * determinant(minor)
        }
    }

    @Test("solves, halves and has the determinant", arguments: [1, 2, 5, 6])
    func solves(n: Int) throws {
        let a = Self.matrix(n, seed: UInt64(n))
        let factor = try #require(Cholesky(a, count: n))
        let b = (0..<n).map { Double($0) - 1.5 }
        let x = factor.solved(b)
        for row in 0..<n {
            let product = (0..<n).reduce(0.0) { $0 + a[row * n + $1] * x[$1] }
            #expect(abs(product - b[row]) < 1e-9)
        }
        // |L⁻¹ b|² = bᵀ A⁻¹ b.
        let half = factor.halfSolved(b)
        #expect(abs(half.reduce(0) { $0 + $1 * $1 } - zip(b, x).reduce(0) { $0 + $1.0 * $1.1 }) < 1e-9)
        let rows = (0..<n).map { row in Array(a[row * n..<(row + 1) * n]) }
        #expect(abs(exponential(factor.logDeterminant) / Self.determinant(rows) - 1) < 1e-9)
    }

    @Test("a matrix that is not positive definite has none; the upper half is not read")
    func refused() throws {
        #expect(Cholesky([1, 2, 2, 1], count: 2) == nil)
        #expect(Cholesky([0], count: 1) == nil)
        let some = try #require(Cholesky([4, .nan, 2, 3], count: 2))
        #expect(zip(some.solved([8, 7]), [1.25, 1.5]).allSatisfy { abs($0 - $1) < 1e-12 })
    }
}
