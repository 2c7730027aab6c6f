package import Numerics

/// What is searched: vectors, their codes, and what scales the codes; all read in place.
///
/// It owns no memory and must not outlive what its ``BlockRows`` point into.
package struct VectorSet: Sendable {
    package let metric: Metric
    package let dimension: Int
    /// f32 rows as they were computed, not normalised. [count, dimension]
    package let vectors: BlockRows
    /// u8 rows as ``CodeQuantizer`` writes them. [count, codeStride]
    package let codes: BlockRows
    /// Two floats a row, see ``CodeQuantizer``. [count, 2]
    package let codeScales: BlockRows

    /// Number of rows; below 2^31.
    package var count: Int { vectors.count }
    /// Bytes of a code row.
    package var codeStride: Int { CodeQuantizer.codeStride(dimension: dimension) }

    package init(metric: Metric, dimension: Int, vectors: BlockRows, codes: BlockRows, codeScales: BlockRows) {
        precondition(dimension > 0 && dimension <= 65536, "a vector has 1 to 65536 dimensions")
        precondition(
            codes.count == vectors.count && codeScales.count == vectors.count && vectors.count < 1 << 31,
            "vectors, codes and scales have different numbers of rows")
        precondition(
            vectors.stride >= dimension * 4 && codes.stride >= CodeQuantizer.codeStride(dimension: dimension)
                && codeScales.stride >= CodeQuantizer.scaleStride, "rows are too short")
        self.metric = metric
        self.dimension = dimension
        self.vectors = vectors
        self.codes = codes
        self.codeScales = codeScales
    }

    /// Lends unsafe views of the rows, without the arrays' bookkeeping in the hot loops.
    func withRows<R, E: Error>(_ body: (VectorRows) throws(E) -> R) throws(E) -> R {
        try vectors.withPointers { vectors throws(E) in
            try codes.withPointers { codes throws(E) in
                try codeScales.withPointers { scales throws(E) in
                    try body(VectorRows(set: self, vectors: vectors, codes: codes, scales: scales))
                }
            }
        }
    }
}

/// The rows of a ``VectorSet`` while a search runs.
struct VectorRows {
    let metric: Metric
    let dimension: Int
    let codeStride: Int
    let count: Int
    let vectors: RowPointers
    let codes: RowPointers
    let scales: RowPointers

    init(set: VectorSet, vectors: RowPointers, codes: RowPointers, scales: RowPointers) {
        metric = set.metric
        dimension = set.dimension
        codeStride = set.codeStride
        count = set.count
        self.vectors = vectors
        self.codes = codes
        self.scales = scales
    }

    @inline(__always) func vector(_ row: Int) -> UnsafePointer<Float> {
        vectors[row].assumingMemoryBound(to: Float.self)
    }
    @inline(__always) func code(_ row: Int) -> UnsafePointer<UInt8> { codes[row].assumingMemoryBound(to: UInt8.self) }
    @inline(__always) func scale(_ row: Int) -> UnsafePointer<Float> { scales[row].assumingMemoryBound(to: Float.self) }
}

/// ``BlockRows`` without its array: unchecked, valid inside of the closure that lends it.
struct RowPointers {
    let blocks: UnsafePointer<UnsafeRawPointer>
    let shift: Int
    let mask: Int
    let stride: Int

    @inline(__always)
    subscript(row: Int) -> UnsafeRawPointer { blocks[row &>> shift] + (row & mask) &* stride }
}

extension BlockRows {
    /// Lends ``RowPointers``. Without rows there is nothing to point at, and nothing may be read.
    func withPointers<R, E: Error>(_ body: (RowPointers) throws(E) -> R) throws(E) -> R {
        let nothing: [UnsafeRawPointer] = [UnsafeRawPointer(bitPattern: 64)].compactMap { $0 }
        return try (blocks.isEmpty ? nothing : blocks).withUnsafeBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else { preconditionFailure("an array of one has an address") }
            return try body(RowPointers(blocks: base, shift: shift, mask: mask, stride: stride))
        }
    }
}
