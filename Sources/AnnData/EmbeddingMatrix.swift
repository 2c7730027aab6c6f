/// A dense matrix of obsm: one row of numbers per cell.
package struct EmbeddingMatrix: Sendable {
    package let rowCount: Int
    package let dimension: Int
    private let file: any ElementSource
    private let matrix: DatasetInfo

    /// - Parameter member: the member of the table at `path`, as old files have it; nil if a matrix lies there.
    init(_ file: HDF5File, path: String, member: String? = nil, rowCount: Int) throws(AnnDataError) {
        self.file = file
        matrix = try file.describe(path, member: member)
        let path = member.map { "\(path)/\($0)" } ?? path
        guard matrix.type.isNumeric, matrix.shape.count == 2 else {
            throw AnnDataError(.unsupportedEncoding, file: file.path, path: path, "\(path) is no matrix of numbers")
        }
        guard matrix.shape[0] == rowCount else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path,
                "\(path) has \(matrix.shape[0]) rows, but there are \(rowCount) cells")
        }
        self.rowCount = rowCount
        dimension = matrix.shape[1]
    }

    /// Replaces `values` by the rows `rows` [rows.count, dimension], row-major. Values may be NaN.
    package func read(rows: Range<Int>, into values: inout [Float]) throws(AnnDataError) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows outside of the matrix")
        values.removeAll(keepingCapacity: true)
        values.reserveCapacity(rows.count * dimension)
        var slice: [Float] = []
        let height = max(1, CountReader.defaultSlice / max(1, dimension))
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
            let count = min(height, rows.upperBound - first)
            try file.read(matrix, start: [first, 0], count: [count, dimension], into: &slice)
            values += slice
        }
    }
}
