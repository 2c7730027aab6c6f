internal import Numerics

/// One embedding's cosines to the goal and to the alternatives.
struct Cosines {
    let goal: Double
    let alternatives: [Double]

    init(_ embedding: [Float], _ goal: Direction, _ alternatives: [Direction]) {
        self.goal = goal.cosine(embedding)
        self.alternatives = alternatives.map { $0.cosine(embedding) }
    }
}
