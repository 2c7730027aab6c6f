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

    /// Reads all vectors, before anything is written.
    ///
    /// - Throws: as ``read(_:selected:metric:into:)``.
    func check(selected: Bitmap, metric: EmbeddingMetric, control: Control) throws {
        var values: [Float] = []
        let step = max(1, (1 << 20) / dimension)
        for first in stride(from: 0, to: selected.count, by: step) {
            try control.checkCancelled("stopped; nothing was written")
            control.progress(.init(unit: "cells", phase: "checking embeddings", done: first, total: selected.count))
            try read(first..<min(selected.count, first + step), selected: selected, metric: metric, into: &values)
        }
    }

    /// A squared distance of two vectors is at most four times as much, and has to be an f32.
    static let largestSquares = Double(Float.greatestFiniteMagnitude) / 5

    /// Replaces `values` by the vectors of `rows` [rows.count, dimension].
    ///
    /// - Throws: ``EmbDBError/Code/input`` for a vector of a row in `selected` that holds NaN or an infinite value, that
    ///   is all zeros where `metric` is cosine (it points nowhere), or else is so long that f32 has no distance for it.
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
            guard squares <= Self.largestSquares || metric == .cosine else {
                throw EmbDBError(
                    .input,
                    "an embedding has the length \(squares.squareRoot()), beyond what can be compared (\(path), obsm/\(key), "
                        + "row \(row)): scale the embeddings down, or give --metric cosine")
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
