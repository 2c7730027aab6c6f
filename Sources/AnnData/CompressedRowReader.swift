/// Rows of a csr_matrix: one contiguous part of `indices` and `data` for a range of rows.
struct CompressedRowReader {
    private let file: any ElementSource
    private let layer: CountLayer
    private let parts: CountLayer.SparseParts
    private let rule: CountRule
    private let slice: Int
    private var offsets: [Int] = []
    private var columns: [Int] = []
    private var values: [Double] = []

    init(_ layer: CountLayer, _ parts: CountLayer.SparseParts, _ rule: CountRule, slice: Int) {
        file = layer.elements
        self.layer = layer
        self.parts = parts
        self.rule = rule
        self.slice = slice
    }

    mutating func read(_ rows: Range<Int>, into batch: inout CountBatch) throws(AnnDataError) {
        var first = rows.lowerBound
        while first < rows.upperBound {
            let end = min(first + slice, rows.upperBound)
            try parts.readOffsets(file, first..<end + 1, into: &offsets)
            try readBlock(first: first, into: &batch)
            first = end
        }
    }

    /// The rows whose ends are in `offsets`.
    private mutating func readBlock(first: Int, into batch: inout CountBatch) throws(AnnDataError) {
        let blockEnd = offsets[offsets.count - 1]
        var position = offsets[0]
        var sliceStart = position
        var sliceEnd = position
        for row in 0..<offsets.count - 1 {
            let rowEnd = offsets[row + 1]
            while position < rowEnd {
                if position == sliceEnd {
                    sliceStart = position
                    sliceEnd = min(position + slice, blockEnd)
                    try file.read(
                        parts.indices, start: [sliceStart], count: [sliceEnd - sliceStart], into: &columns)
                    try file.read(parts.data, start: [sliceStart], count: [sliceEnd - sliceStart], into: &values)
                }
                let end = min(rowEnd, sliceEnd)
                for entry in position - sliceStart..<end - sliceStart {
                    let column = columns[entry]
                    let value = values[entry]
                    guard column >= 0, column < layer.storedColumnCount else {
                        throw AnnDataError(
                            .inconsistent, file: file.path, path: parts.indices.path, row: first + row,
                            value: Double(column), "a column index is not below \(layer.storedColumnCount)")
                    }
                    guard rule.allows(value) || !layer.isGene(column) else {
                        throw rule.error(
                            value, file: file.path, path: parts.data.path, row: first + row, column: column)
                    }
                    if value != 0 { batch.append(Int32(truncatingIfNeeded: column), value) }
                }
                position = end
            }
            if let column = batch.endRow() { throw duplicateError(layer, row: first + row, column: column) }
        }
    }
}
