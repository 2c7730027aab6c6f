/// The non-zero median of every gene over cells, u = x / n × 10,000 where x > 0, from which the vocabulary of a new
/// model is made. Exact; keeps every value that is not zero (8 bytes each), so it is meant for some thousand cells.
package struct MedianAccumulator: Sendable {
    private var values: [[Double]]
    /// Cells with counts that were added.
    package private(set) var cells = 0

    /// For the genes 0..<`geneCount`.
    package init(geneCount: Int) { values = Array(repeating: [], count: geneCount) }

    /// Adds a cell: the counts `values` of `genes`, each gene once. The cell's total is the sum of all.
    package mutating func add(genes: Span<Int32>, values counts: Span<Double>) {
        precondition(genes.count == counts.count, "one value for each gene")
        var total = 0.0
        for index in counts.indices { total += counts[index] }
        guard total > 0 else { return }
        cells += 1
        for index in counts.indices where counts[index] > 0 {
            values[Int(genes[index])].append(counts[index] / total * 10_000)
        }
    }

    /// Number of cells that have the gene.
    package func detections(of gene: Int) -> Int { values[gene].count }

    /// By gene: the median, the mean of the middle two for an even number; nil for a gene that no cell has.
    /// O(values log values).
    package func medians() -> [Double?] {
        values.map { values in
            guard !values.isEmpty else { return nil }
            let sorted = values.sorted()
            let middle = sorted.count / 2
            return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        }
    }
}
