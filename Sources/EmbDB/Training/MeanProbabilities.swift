internal import Numerics

/// Class probabilities of things that may be seen more than once: of a gene the mean over the cells that have it.
struct MeanProbabilities {
    private let labelCount: Int
    private var sums: [Double]
    private var counts: [Int]

    /// Of things numbered from 0.
    init(things: Int, labels: Int) {
        labelCount = labels
        sums = [Double](repeating: 0, count: things * labels)
        counts = [Int](repeating: 0, count: things)
    }

    /// Adds a row of `found` for each of `things`.
    mutating func add(_ found: Matrix, of things: some Sequence<Int>) {
        for (row, thing) in things.enumerated() {
            counts[thing] += 1
            for label in 0..<labelCount {
                sums[thing * labelCount + label] += Double(found.values[row * labelCount + label])
            }
        }
    }

    /// What was seen, in the order of the numbers.
    var things: [Int] { counts.indices.filter { counts[$0] > 0 } }

    /// Of something that was seen.
    func mean(_ thing: Int) -> [Float] {
        (0..<labelCount).map { Float(sums[thing * labelCount + $0] / Double(counts[thing])) }
    }
}
