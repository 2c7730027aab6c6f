/// A matrix of cells × genes in a file: X, a layer, or raw/X.
package struct CountLayer: Sendable {
    package enum Layout: Sendable {
        /// `data`, `indices`, `indptr` by rows (csr_matrix).
        case rows(SparseParts)
        /// The same by columns (csc_matrix).
        case columns(SparseParts)
        /// A two-dimensional dataset, row-major.
        case dense(DatasetInfo)
        /// The same of genes × cells, as in a loom file.
        case denseByGenes(DatasetInfo)
    }

    /// The arrays of a compressed sparse matrix.
    package struct SparseParts: Sendable {
        let data: DatasetInfo
        let indices: DatasetInfo
        let indptr: DatasetInfo
        /// Stored entries.
        var entryCount: Int { data.count }
    }

    /// `X`, `layers/NAME` or `raw/X`.
    package let name: String
    /// Where it lies in the file.
    package let path: String
    /// Cells.
    package let rowCount: Int
    /// Genes.
    package let columnCount: Int
    package let layout: Layout
    let elements: any ElementSource
    /// Columns in the file, which may hold other features than genes.
    let storedColumnCount: Int
    /// By column in the file: its gene, or −1 for another feature; nil if all are genes.
    let geneOfColumn: [Int32]?

    init(
        name: String, path: String, rowCount: Int, genes: DataFrame, layout: Layout, elements: any ElementSource
    ) throws(AnnDataError) {
        guard genes.storedCount <= Int(Int32.max) else {
            throw AnnDataError(.tooLarge, file: elements.path, path: path, "\(path) has more than 2^31 columns")
        }
        self.name = name
        self.path = path
        self.rowCount = rowCount
        columnCount = genes.count
        storedColumnCount = genes.storedCount
        geneOfColumn = genes.selection.map { selection in
            var genes = [Int32](repeating: -1, count: genes.storedCount)
            for (gene, column) in selection.enumerated() { genes[column] = Int32(gene) }
            return genes
        }
        self.layout = layout
        self.elements = elements
        switch layout {
        case .rows(let parts): try parts.check(elements, path: path, majorCount: rowCount)
        case .columns(let parts): try parts.check(elements, path: path, majorCount: storedColumnCount)
        case .dense, .denseByGenes: break
        }
    }

    /// Whether a column of the file is a gene.
    @inline(__always)
    func isGene(_ column: Int) -> Bool { geneOfColumn.map { $0[column] >= 0 } ?? true }
}

extension CountLayer {
    /// Reads and checks the description of a matrix in anndata's encoding, which has to have the cells and genes of obs
    /// and var.
    init(
        _ file: HDF5File, name: String, path: String, rowCount: Int, genes: DataFrame
    ) throws(AnnDataError) {
        let attributes = try file.attributes(path)
        // Before 0.7 sparse matrices carried `h5sparse_format` and `h5sparse_shape`, dense ones nothing.
        let encoding =
            attributes["encoding-type"]?.string ?? attributes["h5sparse_format"]?.string.map { $0 + "_matrix" }
            ?? "array"
        let shape: [Int]
        let layout: Layout
        switch encoding {
        case "csr_matrix", "csc_matrix":
            guard let declared = (attributes["shape"] ?? attributes["h5sparse_shape"])?.integerArray,
                declared.count == 2
            else { throw AnnDataError(.inconsistent, file: file.path, path: path, "\(path) has no shape") }
            shape = declared.map { Int($0) }
            let parts = SparseParts(
                data: try file.describe(path + "/data"), indices: try file.describe(path + "/indices"),
                indptr: try file.describe(path + "/indptr"))
            layout = encoding == "csr_matrix" ? .rows(parts) : .columns(parts)
        case "array":
            let matrix = try file.describe(path)
            guard matrix.type.isNumeric || matrix.type == .boolean else {
                throw AnnDataError(.unsupportedEncoding, file: file.path, path: path, "\(path) holds no numbers")
            }
            shape = matrix.shape
            layout = .dense(matrix)
        default:
            throw AnnDataError(
                .unsupportedEncoding, file: file.path, path: path,
                "\(path) has the encoding \(encoding), which is not read",
                advice: "store it as a csr_matrix")
        }
        guard shape == [rowCount, genes.storedCount] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path,
                "\(path) has the shape \(shape), but there are \(rowCount) cells and \(genes.storedCount) genes")
        }
        try self.init(
            name: name, path: path, rowCount: rowCount, genes: genes, layout: layout, elements: file)
    }

    /// A look at up to `sampleSize` stored values at five places of the matrix: true if the rule allows all of
    /// them. For choosing between X, a layer and raw/X; a reader checks every value all the same.
    func holds(_ rule: CountRule, sampleSize: Int = 20_480) throws(AnnDataError) -> Bool {
        var values: [Double] = []
        var columns: [Int] = []
        let places = 5
        let each = max(1, sampleSize / places)
        func areWhole() -> Bool {
            values.indices.allSatisfy { entry in
                rule.allows(values[entry])
                    || columns.indices.contains(entry) && columns[entry] >= 0 && columns[entry] < storedColumnCount
                        && !isGene(columns[entry])
            }
        }
        for place in 0..<places {
            switch layout {
            case .rows(let parts), .columns(let parts):
                let count = min(each, parts.entryCount)
                let start = (parts.entryCount - count) * place / (places - 1)
                try elements.read(parts.data, start: [start], count: [count], into: &values)
                if geneOfColumn != nil, case .rows = layout {
                    try elements.read(parts.indices, start: [start], count: [count], into: &columns)
                }
            case .dense(let matrix), .denseByGenes(let matrix):
                guard rowCount > 0, storedColumnCount > 0 else { return true }
                let width = min(storedColumnCount, each)
                let height = min(rowCount, max(1, each / width))
                let (row, column) = ((rowCount - height) * place / 4, (storedColumnCount - width) * place / 4)
                if case .dense = layout {
                    try elements.read(matrix, start: [row, column], count: [height, width], into: &values)
                    columns = (0..<height * width).map { column + $0 % width }
                } else {
                    try elements.read(matrix, start: [column, row], count: [width, height], into: &values)
                    columns = (0..<height * width).map { column + $0 / height }
                }
            }
            if !areWhole() { return false }
        }
        return true
    }
}

extension CountLayer.SparseParts {
    /// Lengths and ends of the arrays; what lies between is checked where it is read.
    func check(_ file: any ElementSource, path: String, majorCount: Int) throws(AnnDataError) {
        for part in [data, indices, indptr] {
            guard part.shape.count == 1 else {
                throw AnnDataError(
                    .inconsistent, file: file.path, path: part.path,
                    "\(part.path) has \(part.shape.count) dimensions, not 1")
            }
        }
        guard data.type.isNumeric || data.type == .boolean else {
            throw AnnDataError(.unsupportedEncoding, file: file.path, path: data.path, "\(data.path) holds no numbers")
        }
        guard data.count == indices.count else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path,
                "data has \(data.count) entries, indices has \(indices.count)")
        }
        guard indptr.count == majorCount + 1 else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: indptr.path,
                "indptr has \(indptr.count) entries, \(majorCount + 1) are expected")
        }
        var ends: [Int] = []
        try file.read(indptr, start: [0], count: [1], into: &ends)
        guard ends == [0] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: indptr.path, row: 0, value: ends.first.map { Double($0) },
                "indptr does not start at 0")
        }
        try file.read(indptr, start: [majorCount], count: [1], into: &ends)
        guard ends == [data.count] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: indptr.path, row: majorCount,
                value: ends.first.map { Double($0) }, "indptr does not end at the length of data, \(data.count)")
        }
    }

    /// Entries `range` of `indptr`, checked to ascend within the stored entries.
    func readOffsets(_ file: any ElementSource, _ range: Range<Int>, into offsets: inout [Int]) throws(AnnDataError) {
        try file.read(indptr, start: [range.lowerBound], count: [range.count], into: &offsets)
        var previous = 0
        for (index, offset) in offsets.enumerated() {
            guard offset >= previous, offset <= entryCount else {
                throw AnnDataError(
                    .inconsistent, file: file.path, path: indptr.path, row: range.lowerBound + index,
                    value: Double(offset),
                    offset > entryCount ? "indptr points beyond the \(entryCount) stored entries" : "indptr descends")
            }
            previous = offset
        }
    }
}
