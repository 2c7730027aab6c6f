/// Reads the counts of a matrix, cells in any order of ranges, best ascending. Memory is bounded whatever the size of
/// the file: the batch itself, slices of `entriesAtOnce` entries, and for a matrix stored by columns the budget (see
/// `CompressedColumnReader`).
package struct CountReader: Sendable {
    package let layer: CountLayer
    package let rule: CountRule
    private var byRows: CompressedRowReader?
    private var byColumns: CompressedColumnReader?
    private var dense: DenseReader?
    private var byGenes: GeneMajorReader?

    /// Entries that are read at once, unless the caller asks for another number: 8 MB of doubles.
    package static let defaultSlice = 1 << 20

    init(_ layer: CountLayer, _ rule: CountRule, memoryBudget: Int, entriesAtOnce slice: Int) {
        precondition(slice > 0, "no entries at once")
        self.layer = layer
        self.rule = rule
        switch layer.layout {
        case .rows(let parts): byRows = CompressedRowReader(layer, parts, rule, slice: slice)
        case .columns(let parts):
            byColumns = CompressedColumnReader(layer, parts, rule, memoryBudget, slice: slice)
        case .dense(let matrix): dense = DenseReader(layer, matrix, rule, slice: slice)
        case .denseByGenes(let matrix): byGenes = GeneMajorReader(layer, matrix, rule, memoryBudget, slice: slice)
        }
    }

    /// Replaces the batch by the cells `rows`, a range of 0..<layer.rowCount. Explicit zeros are dropped, unsorted rows
    /// sorted by column. Features that are no genes are left out. Two entries of one row and column are an error: summing them, as scipy does when asked to,
    /// may hide a broken writer.
    ///
    /// Throws for values that the rule forbids and for arrays that contradict one another, with row, column, value.
    package mutating func read(rows: Range<Int>, into batch: inout CountBatch) throws(AnnDataError) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= layer.rowCount, "rows outside of the matrix")
        batch.removeAll(firstRow: rows.lowerBound)
        if rows.isEmpty { return }
        try byRows?.read(rows, into: &batch)
        try byColumns?.read(rows, into: &batch)
        try dense?.read(rows, into: &batch)
        try byGenes?.read(rows, into: &batch)
        if let genes = layer.geneOfColumn { batch.keepGenes(genes) }
    }
}

/// The error of two entries for one cell and gene.
func duplicateError(_ layer: CountLayer, row: Int, column: Int32) -> AnnDataError {
    AnnDataError(
        .inconsistent, file: layer.elements.path, path: layer.path, row: row, column: Int(column),
        "two entries for one cell and gene", advice: "call sum_duplicates() on the matrix and save it again")
}
