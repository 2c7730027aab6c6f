/// What a gene's perturbation did in each cell, as far as it is known.
struct GeneEffect {
    private(set) var shifts: [Double] = []
    private var alternativeSums: [Double]
    private var neighborSum = 0.0
    private var positionSum = 0

    init(alternatives: Int) { alternativeSums = Array(repeating: 0, count: alternatives) }

    mutating func add(shift: Double, alternatives: [Double], neighborShift: Double, position: Int) {
        shifts.append(shift)
        for (index, value) in alternatives.enumerated() { alternativeSums[index] += value }
        neighborSum += neighborShift
        positionSum += position
    }

    var sum: Double { shifts.reduce(0, +) }
    var meanShift: Double { sum / Double(shifts.count) }
    var meanAlternatives: [Double] { alternativeSums.map { $0 / Double(shifts.count) } }
    var meanNeighborShift: Double { neighborSum / Double(shifts.count) }
    var meanPosition: Double { Double(positionSum) / Double(shifts.count) }

    /// Mean ± 1.96 standard errors; nil for fewer than two cells.
    var interval: (low: Double, high: Double)? {
        guard shifts.count > 1 else { return nil }
        let mean = meanShift
        let squares = shifts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let error = (squares / Double(shifts.count - 1) / Double(shifts.count)).squareRoot()
        return (mean - 1.96 * error, mean + 1.96 * error)
    }

    /// Share of the cells whose shift has the sign of the mean.
    var sameSign: Double {
        let mean = meanShift
        return Double(shifts.count { $0 * mean > 0 || ($0 == 0 && mean == 0) }) / Double(shifts.count)
    }
}
