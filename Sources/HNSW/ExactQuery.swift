internal import CKernels
internal import Numerics

/// A query as it is compared with the f32 rows; the one place where the distances of an answer come from.
struct ExactQuery: ~Copyable {
    /// Rows that the kernel takes at once.
    static let batch = 64

    private var values: AlignedBuffer<Float>
    private let pointers = AlignedBuffer<UnsafePointer<Float>?>(repeating: nil, count: batch)
    private let products = AlignedBuffer<Float>(repeating: 0, count: batch)

    init() { values = AlignedBuffer(repeating: 0, count: 0) }

    /// Takes the query; under cosine its direction.
    mutating func set(_ query: UnsafePointer<Float>, in rows: VectorRows) {
        if values.count < rows.dimension { values = AlignedBuffer(repeating: 0, count: rows.dimension) }
        values.baseAddress.update(from: query, count: rows.dimension)
        if rows.metric == .cosine { _ = ek_normalise_f32(values.baseAddress, rows.dimension) }
    }

    /// Distances of `count` (up to ``batch``) rows that `row` names by position, handed to `body` as ``SortKey``s.
    @inline(__always)
    func distances(_ rows: VectorRows, count: Int, row: (Int) -> Int, _ body: (UInt64) -> Void) {
        assert(count <= Self.batch)
        for index in 0..<count { pointers.baseAddress[index] = rows.vector(row(index)) }
        let addresses = UnsafePointer(pointers.baseAddress)
        switch rows.metric {
        case .cosine:
            ek_dot_f32(values.baseAddress, addresses, count, rows.dimension, products.baseAddress)
            for index in 0..<count {
                let number = row(index)
                // Rounding must not make a vector nearer to itself than 0.
                let similarity = products.baseAddress[index] * rows.scale(number)[1]
                body(SortKey.make(max(0, 1 - similarity), number))
            }
        case .l2:
            ek_squared_l2_f32(values.baseAddress, addresses, count, rows.dimension, products.baseAddress)
            for index in 0..<count {
                body(SortKey.make(products.baseAddress[index].squareRoot(), row(index)))
            }
        case .ip:
            ek_dot_f32(values.baseAddress, addresses, count, rows.dimension, products.baseAddress)
            for index in 0..<count { body(SortKey.make(-products.baseAddress[index], row(index))) }
        }
    }
}
