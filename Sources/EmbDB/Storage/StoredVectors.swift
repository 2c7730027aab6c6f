internal import HNSW
internal import LMDBStore
internal import Numerics

/// The embeddings of the rows, read in place, and how they are written.
enum StoredVectors {
    /// The first `rows` rows; valid while the transaction is.
    static func set(
        _ transaction: borrowing ReadTransaction, settings: EmbeddingSettings, rows: Int
    ) throws -> VectorSet {
        guard let metric = Metric(rawValue: settings.metric) else {
            throw EmbDBError(.corrupted, "the stored metric \"\(settings.metric)\" is unknown")
        }
        return VectorSet(
            metric: metric, dimension: settings.dimension,
            vectors: try Layout.vectors(dimension: settings.dimension, in: transaction).blockRows(
                count: rows, in: transaction),
            codes: try Layout.codes(dimension: settings.dimension, in: transaction).blockRows(
                count: rows, in: transaction),
            codeScales: try Layout.codeScales.blockRows(count: rows, in: transaction))
    }

    /// Writes embeddings [rows, dimension] with their codes as rows `firstRow` and on; what was behind is dropped.
    static func append(
        _ embeddings: Matrix, metric: Metric, at firstRow: Int, in transaction: inout WriteTransaction
    ) throws {
        let dimension = embeddings.columns
        let columns = (
            vectors: try Layout.vectors(dimension: dimension, in: transaction),
            codes: try Layout.codes(dimension: dimension, in: transaction), scales: Layout.codeScales
        )
        let vectors = AlignedBuffer<UInt8>(repeating: 0, count: embeddings.rows * columns.vectors.stride)
        let codes = AlignedBuffer<UInt8>(repeating: 0, count: embeddings.rows * columns.codes.stride)
        let scales = AlignedBuffer<UInt8>(repeating: 0, count: embeddings.rows * columns.scales.stride)
        embeddings.values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<embeddings.rows {
                let source = base + row * dimension
                UnsafeMutableRawPointer(vectors.baseAddress + row * columns.vectors.stride)
                    .copyMemory(from: source, byteCount: dimension * 4)
                UnsafeMutableRawPointer(scales.baseAddress + row * columns.scales.stride)
                    .withMemoryRebound(to: Float.self, capacity: CodeQuantizer.scaleFloats) { scale in
                        CodeQuantizer.encode(
                            source, dimension: dimension, metric: metric,
                            code: codes.baseAddress + row * columns.codes.stride, scale: scale)
                    }
            }
        }
        try columns.vectors.append(UnsafeRawBufferPointer(vectors.pointer), at: firstRow, in: &transaction)
        try columns.codes.append(UnsafeRawBufferPointer(codes.pointer), at: firstRow, in: &transaction)
        try columns.scales.append(UnsafeRawBufferPointer(scales.pointer), at: firstRow, in: &transaction)
    }

    /// One embedding. [dimension]
    static func vector(_ set: VectorSet, row: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: set.vectors.row(row, as: Float.self), count: set.dimension))
    }

    /// The mean of some rows, added up in Double in ascending order. [dimension]; nil for no rows.
    static func mean(_ set: VectorSet, rows: [Int]) -> [Float]? {
        guard !rows.isEmpty else { return nil }
        var sums = [Double](repeating: 0, count: set.dimension)
        for row in rows {
            let vector = set.vectors.row(row, as: Float.self)
            for column in sums.indices { sums[column] += Double(vector[column]) }
        }
        return sums.map { Float($0 / Double(rows.count)) }
    }
}
