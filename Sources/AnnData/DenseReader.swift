/// Rows of a two-dimensional dataset.
///
/// A chunked matrix is inflated once when its rows are read in order and one row of chunks fits 512 MiB; otherwise
/// once per slice.
struct DenseReader {
    private let file: any ElementSource
    private let layer: CountLayer
    private let matrix: DatasetInfo
    private let rule: CountRule
    private let slice: Int
    private var values: [Double] = []

    init(_ layer: CountLayer, _ matrix: DatasetInfo, _ rule: CountRule, slice: Int) {
        file = layer.elements
        self.layer = layer
        self.matrix = matrix
        self.rule = rule
        self.slice = slice
    }

    mutating func read(_ rows: Range<Int>, into batch: inout CountBatch) throws(AnnDataError) {
        // Whole rows, or one row in pieces.
        let width = max(1, min(layer.storedColumnCount, slice))
        let height = width < layer.storedColumnCount ? 1 : max(1, slice / width)
        var first = rows.lowerBound
        while first < rows.upperBound {
            let rowCount = min(height, rows.upperBound - first)
            var column = 0
            while column < layer.storedColumnCount {
                let columnCount = min(width, layer.storedColumnCount - column)
                try file.read(matrix, start: [first, column], count: [rowCount, columnCount], into: &values)
                for row in 0..<rowCount {
                    for offset in 0..<columnCount {
                        let value = values[row * columnCount + offset]
                        if value == 0 { continue }
                        guard rule.allows(value) || !layer.isGene(column + offset) else {
                            throw rule.error(
                                value, file: file.path, path: matrix.path, row: first + row, column: column + offset)
                        }
                        batch.append(Int32(truncatingIfNeeded: column + offset), value)
                    }
                    if column + columnCount == layer.storedColumnCount { _ = batch.endRow() }
                }
                column += columnCount
            }
            if layer.storedColumnCount == 0 { for _ in 0..<rowCount { _ = batch.endRow() } }
            first += rowCount
        }
    }
}
