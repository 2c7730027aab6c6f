/// A state that shifts are measured towards: a mean embedding and its norm.
struct Direction {
    private let vector: [Double]
    private let norm: Double

    init(_ vector: [Float]) {
        self.vector = vector.map(Double.init)
        norm = self.vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// cos(other, this), in Double; norms below 1e-8 count as 1e-8, as PyTorch's cosine has it.
    func cosine(_ other: [Float]) -> Double {
        var dot = 0.0
        var squares = 0.0
        for (a, b) in zip(other, vector) {
            dot += Double(a) * b
            squares += Double(a) * Double(a)
        }
        return dot / (max(squares.squareRoot(), 1e-8) * max(norm, 1e-8))
    }
}

/// One embedding's cosines to the goal and to the alternatives.
struct Cosines {
    let goal: Double
    let alternatives: [Double]

    init(_ embedding: [Float], _ goal: Direction, _ alternatives: [Direction]) {
        self.goal = goal.cosine(embedding)
        self.alternatives = alternatives.map { $0.cosine(embedding) }
    }
}
