internal import Numerics

/// The mean of vectors that come in parts, added up in Double in their order.
struct MeanVector {
    private var sums: [Double]
    private(set) var count = 0

    init(dimension: Int) { sums = [Double](repeating: 0, count: dimension) }

    /// Adds the rows of `vectors` [count, dimension].
    mutating func add(_ vectors: Matrix) {
        for row in 0..<vectors.rows {
            for (column, value) in vectors[row: row].enumerated() { sums[column] += Double(value) }
        }
        count += vectors.rows
    }

    /// [dimension]
    var mean: [Float] { sums.map { Float($0 / Double(count)) } }
}
