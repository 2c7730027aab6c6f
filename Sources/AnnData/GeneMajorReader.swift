/// Cells of a dense matrix of genes × cells, as a loom file has it.
///
/// Cells are gathered in blocks: as many as one chunk is wide, so that every chunk is inflated once when cells are read
/// in order, or fewer where such a block takes more than the memory budget (8 bytes for each gene and cell), at least
/// one.
struct GeneMajorReader {
    private let layer: CountLayer
    private let matrix: DatasetInfo
    private let rule: CountRule
    private let slice: Int
    /// Cells of a block.
    private let width: Int

    /// The cells that are in `values`, gene by gene within a cell.
    private var block = 0..<0
    private var values: [Double] = []
    private var part: [Double] = []

    /// Cells that are read at once from a matrix that lies in one piece, or in narrower chunks: a read from disk should
    /// be some KB long.
    private static let usualWidth = 512

    init(_ layer: CountLayer, _ matrix: DatasetInfo, _ rule: CountRule, _ memoryBudget: Int, slice: Int) {
        self.layer = layer
        self.matrix = matrix
        self.rule = rule
        self.slice = slice
        let bytes = max(1, layer.storedColumnCount) * MemoryLayout<Double>.size
        let chunk = matrix.chunk.last ?? 1
        let wanted = chunk >= Self.usualWidth ? chunk : Self.usualWidth / chunk * chunk
        var width = max(1, min(wanted, slice, memoryBudget / bytes))
        if width > chunk { width -= width % chunk }
        self.width = width
    }

    mutating func read(_ rows: Range<Int>, into batch: inout CountBatch) throws(AnnDataError) {
        let genes = layer.storedColumnCount
        for row in rows {
            if !block.contains(row) { try gather(from: row / width * width) }
            let start = (row - block.lowerBound) * genes
            for gene in 0..<genes {
                let value = values[start + gene]
                if value == 0 { continue }
                guard rule.allows(value) || !layer.isGene(gene) else {
                    throw rule.error(
                        value, file: layer.elements.path, path: matrix.path, row: row, column: gene)
                }
                batch.append(Int32(truncatingIfNeeded: gene), value)
            }
            _ = batch.endRow()
        }
    }

    /// Fills the block with the cells from `first` on, in parts of whole rows of chunks.
    private mutating func gather(from first: Int) throws(AnnDataError) {
        let genes = layer.storedColumnCount
        let count = min(width, layer.rowCount - first)
        block = 0..<0
        if values.count != count * genes { values = [Double](repeating: 0, count: count * genes) }
        var height = max(1, slice / count)
        if let side = matrix.chunk.first, height > side { height -= height % side }
        for gene in stride(from: 0, to: genes, by: height) {
            let rows = min(height, genes - gene)
            try layer.elements.read(matrix, start: [gene, first], count: [rows, count], into: &part)
            for cell in 0..<count {
                for row in 0..<rows { values[cell * genes + gene + row] = part[row * count + cell] }
            }
        }
        block = first..<first + count
    }
}
