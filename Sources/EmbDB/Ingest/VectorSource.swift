internal import AnnData
internal import Numerics

/// The embeddings that come with a source's cells.
struct VectorSource {
    let key: String
    private let path: String
    private let matrix: EmbeddingMatrix

    var dimension: Int { matrix.dimension }

    private static let largestDimension = 1 << 16

    /// - Throws: `AnnDataError` for a key that is not there; ``EmbDBError/Code/input`` for a matrix without columns, or
    ///   with too many.
    init(file: CellFile, key: String) throws {
        self.key = key
        path = file.path
        matrix = try file.embedding(key)
        guard (1...Self.largestDimension).contains(matrix.dimension) else {
            throw EmbDBError(
                .input,
                "obsm/\(key) has \(matrix.dimension) columns (\(path)): an embedding has 1 to \(Self.largestDimension) "
                    + "dimensions")
        }
    }

    /// Replaces `values` by the vectors of `rows` [rows.count, dimension].
    ///
    /// - Throws: ``EmbDBError/Code/input`` for a vector of a row in `selected` that holds NaN or an infinite value, or
    ///   that is all zeros where `metric` is cosine: it points nowhere.
    func read(
        _ rows: Range<Int>, selected: Bitmap, metric: EmbeddingMetric, into values: inout [Float]
    ) throws {
        try matrix.read(rows: rows, into: &values)
        for (offset, row) in rows.enumerated() where selected[row] {
            let vector = values[offset * dimension..<(offset + 1) * dimension]
            // A sum is finite only if all of it is, and one pass is cheaper than asking each.
            let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
            guard squares.isFinite else {
                let column = vector.firstIndex { !$0.isFinite } ?? vector.startIndex
                throw EmbDBError(
                    .input,
                    "a value of an embedding is \(vector[column].isNaN ? "NaN" : "infinite") (\(path), obsm/\(key), row "
                        + "\(row), column \(column - vector.startIndex)): mend it, or leave the cell out by --where")
            }
            guard squares > 0 || metric != .cosine else {
                throw EmbDBError(
                    .input,
                    "an embedding is all zeros and has no direction to compare (\(path), obsm/\(key), row \(row)): leave "
                        + "the cell out by --where, or give --metric l2")
            }
        }
    }
}
