internal import Numerics

/// Rows on their way through the int8 kernel: filled one by one, computed together.
struct CodeBatch: ~Copyable {
    /// Rows that fit.
    static let capacity = 64

    private let pointers = AlignedBuffer<UnsafePointer<UInt8>?>(repeating: nil, count: capacity)
    private let rowNumbers = AlignedBuffer<UInt32>(repeating: 0, count: capacity)
    private let offsets = AlignedBuffer<Float>(repeating: 0, count: capacity)
    private let factors = AlignedBuffer<Float>(repeating: 0, count: capacity)
    private let dots = AlignedBuffer<Int32>(repeating: 0, count: capacity)
    private(set) var count = 0

    var isFull: Bool { @inline(__always) get { count == Self.capacity } }

    /// Adds a row; the scales are read here, so that their cache misses overlap.
    @inline(__always)
    mutating func append(_ row: Int, _ rows: VectorRows, _ query: borrowing CodedQuery) {
        append(row, code: rows.code(row), scale: rows.scale(row), query)
    }

    @inline(__always)
    mutating func append(
        _ row: Int, code: UnsafePointer<UInt8>, scale: UnsafePointer<Float>, _ query: borrowing CodedQuery
    ) {
        assert(count < Self.capacity)
        let parts = query.parts(of: row, scale: scale)
        pointers.baseAddress[count] = code
        rowNumbers.baseAddress[count] = UInt32(truncatingIfNeeded: row)
        offsets.baseAddress[count] = parts.offset
        factors.baseAddress[count] = parts.factor
        count += 1
    }

    /// Computes all and hands out (position, row, distance) in the order of `append`; empties the batch.
    @inline(__always)
    mutating func flush(_ query: borrowing CodedQuery, stride: Int, _ body: (Int, Int, Float) -> Void) {
        let n = count
        count = 0
        guard n > 0 else { return }
        query.dots(UnsafePointer(pointers.baseAddress), count: n, stride: stride, out: dots.baseAddress)
        for index in 0..<n {
            let distance = offsets.baseAddress[index] - factors.baseAddress[index] * Float(dots.baseAddress[index])
            body(index, Int(rowNumbers.baseAddress[index]), distance)
        }
    }
}
