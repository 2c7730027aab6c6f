/// Rows of a csc_matrix. The entries of a row lie scattered over the whole file, so rows are gathered in blocks, as
/// many as the memory budget holds (12 bytes an entry).
///
/// Cost: one pass over `indices` to count the entries of every row (4 bytes a row, kept), then one pass over `indices`
/// and `data` for every block: for E entries, 1 + 12 E / budget passes when rows are read in order. Reading in random
/// order costs a pass for every range outside of the block.
struct CompressedColumnReader {
    private let file: any ElementSource
    private let layer: CountLayer
    private let parts: CountLayer.SparseParts
    private let rule: CountRule
    private let memoryBudget: Int
    private let slice: Int

    /// Stored entries of every row; empty until the first read.
    private var rowCounts: [Int32] = []
    /// The rows of the block, and where each one's entries lie in `columns` and `values`.
    private var block = 0..<0
    private var blockOffsets: [Int] = []
    private var columns: [Int32] = []
    private var values: [Double] = []

    private var offsets: [Int] = []
    private var rowSlice: [Int] = []
    private var valueSlice: [Double] = []

    init(
        _ layer: CountLayer, _ parts: CountLayer.SparseParts, _ rule: CountRule,
        _ memoryBudget: Int,
        slice: Int
    ) {
        file = layer.elements
        self.layer = layer
        self.parts = parts
        self.rule = rule
        self.memoryBudget = memoryBudget
        self.slice = slice
    }

    mutating func read(_ rows: Range<Int>, into batch: inout CountBatch) throws(AnnDataError) {
        if rowCounts.isEmpty { try countRows() }
        for row in rows {
            if !block.contains(row) { try gather(from: row) }
            let index = row - block.lowerBound
            for entry in blockOffsets[index]..<blockOffsets[index + 1] where values[entry] != 0 {
                batch.append(columns[entry], values[entry])
            }
            if let column = batch.endRow() { throw duplicateError(layer, row: row, column: column) }
        }
    }

    private mutating func countRows() throws(AnnDataError) {
        rowCounts = [Int32](repeating: 0, count: layer.rowCount)
        var start = 0
        while start < parts.entryCount {
            let count = min(slice, parts.entryCount - start)
            try file.read(parts.indices, start: [start], count: [count], into: &rowSlice)
            for row in rowSlice {
                guard row >= 0, row < layer.rowCount else { throw rowError(row) }
                // A row with more entries than columns has duplicates; its count must not overflow before it is found.
                if rowCounts[row] < Int32.max { rowCounts[row] += 1 }
            }
            start += count
        }
    }

    /// Fills the block with as many rows from `first` on as the budget holds, at least one.
    private mutating func gather(from first: Int) throws(AnnDataError) {
        let capacity = memoryBudget / (MemoryLayout<Int32>.size + MemoryLayout<Double>.size)
        blockOffsets.removeAll(keepingCapacity: true)
        blockOffsets.append(0)
        var total = 0
        var end = first
        while end < layer.rowCount, end == first || total + Int(rowCounts[end]) <= capacity {
            guard rowCounts[end] <= layer.storedColumnCount else {
                throw AnnDataError(
                    .inconsistent, file: file.path, path: layer.path, row: end, "more entries than genes",
                    advice: "call sum_duplicates() on the matrix and save it again")
            }
            total += Int(rowCounts[end])
            blockOffsets.append(total)
            end += 1
        }
        block = 0..<0
        columns = [Int32](repeating: 0, count: total)
        values = [Double](repeating: 0, count: total)
        var cursors = blockOffsets
        var column = 0
        while column < layer.storedColumnCount {
            let last = min(column + slice, layer.storedColumnCount)
            try parts.readOffsets(file, column..<last + 1, into: &offsets)
            try scatter(firstColumn: column, rows: first..<end, &cursors)
            column = last
        }
        block = first..<end
    }

    /// Puts the entries of the columns whose ends are in `offsets` where they belong.
    private mutating func scatter(
        firstColumn: Int, rows: Range<Int>, _ cursors: inout [Int]
    ) throws(AnnDataError) {
        var column = 0
        var start = offsets[0]
        let blockEnd = offsets[offsets.count - 1]
        while start < blockEnd {
            let count = min(slice, blockEnd - start)
            try file.read(parts.indices, start: [start], count: [count], into: &rowSlice)
            try file.read(parts.data, start: [start], count: [count], into: &valueSlice)
            for entry in 0..<count {
                while offsets[column + 1] <= start + entry { column += 1 }
                let row = rowSlice[entry]
                guard rows.contains(row) else {
                    guard row >= 0, row < layer.rowCount else { throw rowError(row) }
                    continue
                }
                let value = valueSlice[entry]
                guard rule.allows(value) || !layer.isGene(firstColumn + column) else {
                    throw rule.error(
                        value, file: file.path, path: parts.data.path, row: row, column: firstColumn + column)
                }
                let index = row - rows.lowerBound
                let cursor = cursors[index]
                guard cursor < blockOffsets[index + 1] else {
                    throw AnnDataError(
                        .inconsistent, file: file.path, path: layer.path, row: row, "the file changed while it was read"
                    )
                }
                columns[cursor] = Int32(truncatingIfNeeded: firstColumn + column)
                values[cursor] = value
                cursors[index] = cursor + 1
            }
            start += count
        }
    }

    private func rowError(_ row: Int) -> AnnDataError {
        AnnDataError(
            .inconsistent, file: file.path, path: parts.indices.path, value: Double(row),
            "a row index is not below \(layer.rowCount)")
    }
}
