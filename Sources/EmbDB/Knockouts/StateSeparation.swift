internal import HNSW
internal import Numerics

/// Whether two sets of cells are two states at all: how many cells of one half are nearer to the mean of their own set's other half.
///
/// Every gene has an effect in any direction, also in one that two samples of one state happen to differ in.
struct StateSeparation {
    /// The mean of both sets' shares; 0.5 by chance. nil for sets of fewer than two cells.
    let accuracy: Double?
    /// Cells of the smaller set that were looked at.
    private let cells: Int

    /// As many as give an accuracy to one part in a hundred.
    private static let mostCells = 2_000

    /// Halves both sets by `seed`, and lets each half judge the other.
    init(_ set: VectorSet, _ a: [Int], _ b: [Int], seed: UInt64) {
        var random = SeededRandom(seed: SeededRandom.mixed(seed &+ 0x5E9A))
        let sets = [a, b].map { rows in
            random.permutation(rows.count).prefix(Self.mostCells).map { rows[$0] }
        }
        cells = min(sets[0].count, sets[1].count)
        guard cells >= 2 else {
            accuracy = nil
            return
        }
        let halves = sets.map { [Array($0[..<($0.count / 2)]), Array($0[($0.count / 2)...])] }
        var share = 0.0
        for judge in 0...1 {
            let means = halves.map { Direction(StoredVectors.mean(set, rows: $0[judge].sorted()) ?? []) }
            for own in 0...1 {
                let rows = halves[own][1 - judge]
                let points = rows.reduce(0.0) { sum, row in
                    let vector = StoredVectors.vector(set, row: row)
                    let (same, other) = (means[own].cosine(vector), means[1 - own].cosine(vector))
                    return sum + (same > other ? 1 : same == other ? 0.5 : 0)
                }
                share += points / Double(rows.count) / 4
            }
        }
        accuracy = share
    }

    /// Two standard errors above chance.
    var isPlain: Bool { accuracy.map { $0 >= 0.5 + 1 / Double(cells).squareRoot() } ?? false }
}
