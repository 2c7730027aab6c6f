/// A direction that vectors are compared with, a mean embedding say, in Double: shifts are small differences of cosines.
package struct Direction: Sendable {
    package let vector: [Double]
    private let norm: Double

    package init(_ vector: [Float]) {
        self.vector = vector.map(Double.init)
        norm = Self.norm(self.vector)
    }

    /// Norms below 1e-8 count as 1e-8, as PyTorch's cosine has it.
    private static func norm(_ vector: [Double]) -> Double {
        max(vector.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-8)
    }

    /// cos(other, this).
    package func cosine(_ other: some Sequence<Float>) -> Double {
        var (dot, squares) = (0.0, 0.0)
        for (a, b) in zip(other, vector) {
            dot += Double(a) * b
            squares += Double(a) * Double(a)
        }
        return dot / (max(squares.squareRoot(), 1e-8) * norm)
    }

    /// The gradient of the cosine by the other vector.
    package func slope(at other: [Double]) -> [Double] {
        let own = Self.norm(other)
        let cosine = zip(other, vector).reduce(0) { $0 + $1.0 * $1.1 } / (own * norm)
        return zip(vector, other).map { ($0 / norm - cosine * $1 / own) / own }
    }
}
