import Testing

/// Nearest neighbors the slow way, in Double.
struct BruteForce {
    let vectors: [[Float]]

    func distance(_ query: [Float], _ row: Int) -> Double { 1 - cosine(query, vectors[row]) }

    /// Rows by distance, ties by row.
    func nearest(to query: [Float], among rows: [Int]) -> [(row: Int, distance: Double)] {
        rows.map { (row: $0, distance: distance(query, $0)) }.sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }
    }
}

func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var (dot, left, right) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
        dot += Double(x) * Double(y)
        left += Double(x) * Double(x)
        right += Double(y) * Double(y)
    }
    return dot / (left.squareRoot() * right.squareRoot())
}

/// The mean in Double, rounded once.
func mean(_ vectors: [[Float]]) -> [Float] {
    vectors[0].indices.map { column in
        Float(vectors.reduce(0) { $0 + Double($1[column]) } / Double(vectors.count))
    }
}
