internal import Numerics

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
    /// For ``forEachRow(_:threads:makeState:_:)``, where it goes.
    private var direct: DirectRowReader?
    /// Rows whose chunks were inflated by this process, so that a test can tell the two ways apart.
    package private(set) var directRows = 0
    private var batch = CountBatch()

    /// Entries that are read at once, unless the caller asks for another number: 8 MB of doubles.
    package static let defaultSlice = 1 << 20

    init(_ layer: CountLayer, _ rule: CountRule, memoryBudget: Int, entriesAtOnce slice: Int) {
        precondition(slice > 0, "no entries at once")
        self.layer = layer
        self.rule = rule
        switch layer.layout {
        case .rows(let parts):
            byRows = CompressedRowReader(layer, parts, rule, slice: slice)
            direct = DirectRowReader(layer, parts, rule, slice: slice)
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

    /// Calls `body` with the cells `rows`: their genes, ascending, and counts, as ``read(rows:into:)`` gives them. On up to
    /// `threads` threads, in any order; a matrix by rows whose chunks are compressed by deflate is inflated by them as
    /// well. After an error, some cells have been there, and a cell may have been there twice.
    ///
    /// - Parameters:
    ///   - makeState: scratch memory of one thread.
    ///   - body: gets the number of the cell, counted from 0 in `rows`.
    package mutating func forEachRow<State: ~Copyable>(
        _ rows: Range<Int>, threads: Int, makeState: @Sendable () -> State,
        _ body: @Sendable (inout State, Int, Span<Int32>, Span<Double>) -> Void
    ) throws(AnnDataError) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= layer.rowCount, "rows outside of the matrix")
        if try direct?.forEachRow(rows, threads: threads, makeState: makeState, body) == true {
            directRows += rows.count
            return
        }
        var batch = CountBatch()
        swap(&batch, &self.batch)
        defer { swap(&batch, &self.batch) }
        try read(rows: rows, into: &batch)
        let counts = batch
        Parallel.forEach(rows.count, threads: threads, grain: 8, makeState: makeState) { state, index in
            let entries = counts.entries(index)
            body(&state, index, counts.indices.span.extracting(entries), counts.values.span.extracting(entries))
        }
    }
}

/// The error of two entries for one cell and gene.
func duplicateError(_ layer: CountLayer, row: Int, column: Int32) -> AnnDataError {
    AnnDataError(
        .inconsistent, file: layer.elements.path, path: layer.path, row: row, column: Int(column),
        "two entries for one cell and gene", advice: "call sum_duplicates() on the matrix and save it again")
}
