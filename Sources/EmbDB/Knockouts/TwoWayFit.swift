/// Values of cells and genes as a sum: value = cell mean + gene mean + noise, by alternating means.
///
/// Deleting any gene moves a cell; that is most of what a deletion does, and says nothing about genes.
struct TwoWayFit {
    /// By cell; 0 for one without values.
    private(set) var cellMeans: [Double]

    private static let rounds = 4
    /// A cell's mean counts as if there were so many values of 0 beside its own.
    private static let extraValues = 2.0

    /// - Parameters:
    ///   - pairs: that have values.
    ///   - label: of a pair, below `labels`: what shares a mean.
    /// - Complexity: O(pairs).
    init(_ pairs: [Int], cells: Int, labels: Int, cell: [Int], label: (Int) -> Int, value: (Int) -> Double) {
        let observations = pairs.map { (cell: cell[$0], label: label($0), value: value($0)) }
        cellMeans = Array(repeating: 0, count: cells)
        var geneMeans = [Double](repeating: 0, count: labels)
        var cellCounts = [Double](repeating: 0, count: cells)
        var geneCounts = [Double](repeating: 0, count: labels)
        for one in observations {
            cellCounts[one.cell] += 1
            geneCounts[one.label] += 1
        }
        for _ in 0..<Self.rounds {
            var sums = [Double](repeating: 0, count: cells)
            for one in observations { sums[one.cell] += one.value - geneMeans[one.label] }
            for index in sums.indices { cellMeans[index] = sums[index] / (cellCounts[index] + Self.extraValues) }
            sums = Array(repeating: 0, count: labels)
            for one in observations { sums[one.label] += one.value - cellMeans[one.cell] }
            for index in sums.indices { geneMeans[index] = sums[index] / max(1, geneCounts[index]) }
        }
    }
}
