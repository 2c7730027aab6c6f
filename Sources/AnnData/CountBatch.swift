/// The counts of consecutive cells, row by row (CSR): the nonzeros of the batch's row r are
/// `indptr[r]..<indptr[r + 1]` of `indices` and `values`. One value is reused for all batches of a file.
package struct CountBatch: Sendable {
    /// The cell of the batch's row 0.
    package private(set) var firstRow = 0
    /// Rows + 1 offsets; the first is 0.
    package private(set) var indptr: [Int] = [0]
    /// Columns (genes), ascending within a row, no duplicates.
    package private(set) var indices: [Int32] = []
    /// Counts, > 0.
    package private(set) var values: [Double] = []
    private var sorting: [(index: Int32, value: Double)] = []

    package init() {}

    package var rowCount: Int { indptr.count - 1 }

    /// The entries of the batch's row `row`.
    package func entries(_ row: Int) -> Range<Int> { indptr[row]..<indptr[row + 1] }

    /// Empties the batch and keeps its memory.
    package mutating func removeAll(firstRow: Int) {
        self.firstRow = firstRow
        indptr.removeAll(keepingCapacity: true)
        indptr.append(0)
        indices.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    /// Adds an entry to the row that is being built.
    @inline(__always)
    mutating func append(_ index: Int32, _ value: Double) {
        indices.append(index)
        values.append(value)
    }

    /// Replaces every column by its gene and drops those without one (−1); genes ascend as the columns do.
    mutating func keepGenes(_ geneOfColumn: [Int32]) {
        var kept = 0
        var start = 0
        for row in 0..<rowCount {
            let end = indptr[row + 1]
            for entry in start..<end {
                let gene = geneOfColumn[Int(indices[entry])]
                if gene < 0 { continue }
                indices[kept] = gene
                values[kept] = values[entry]
                kept += 1
            }
            start = end
            indptr[row + 1] = kept
        }
        indices.removeSubrange(kept...)
        values.removeSubrange(kept...)
    }

    /// Ends the row that is being built: sorts it by column if it is not. Returns a column that occurs twice.
    mutating func endRow() -> Int32? {
        let start = indptr[indptr.count - 1]
        indptr.append(indices.count)
        var isAscending = true
        var next = start + 1
        while next < indices.count {
            if indices[next - 1] >= indices[next] {
                isAscending = false
                break
            }
            next += 1
        }
        if isAscending { return nil }
        sorting.removeAll(keepingCapacity: true)
        for entry in start..<indices.count { sorting.append((indices[entry], values[entry])) }
        sorting.sort { $0.index < $1.index }
        var twice: Int32?
        for (offset, entry) in sorting.enumerated() {
            if offset > 0, sorting[offset - 1].index == entry.index { twice = entry.index }
            indices[start + offset] = entry.index
            values[start + offset] = entry.value
        }
        return twice
    }
}
