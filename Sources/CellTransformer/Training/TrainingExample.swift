/// A cell to learn from: what the model reads, and what it is to predict at some of its positions.
package struct TrainingExample: Sendable, Equatable {
    package var tokens: [UInt32]
    /// Different positions of `tokens`; for a cell classifier, the first.
    package var positions: [Int]
    /// For each position: the token, or the class.
    package var labels: [Int]
    /// What each counts beside the others, ≥ 0; empty: all alike.
    package var weights: [Float]

    package init(tokens: [UInt32], positions: [Int], labels: [Int], weights: [Float] = []) {
        precondition(
            positions.count == labels.count && (weights.isEmpty || weights.count == labels.count),
            "a label, and a weight if there are any, for each position")
        self.tokens = tokens
        self.positions = positions
        self.labels = labels
        self.weights = weights
    }

    var totalWeight: Double {
        weights.isEmpty ? Double(positions.count) : weights.reduce(0) { $0 + Double($1) }
    }
}

/// The cells that a model learns from, wherever they are: there may be more of them than memory holds.
package protocol TrainingCells {
    var count: Int { get }
    /// How many tokens a cell has, or about so many: cells of like length learn together.
    func length(_ cell: Int) -> Int
    func tokens(_ cell: Int) throws -> [UInt32]
}
