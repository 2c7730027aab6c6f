internal import CKernels
internal import Numerics

/// Rows on their way through the int8 kernel: filled one by one, computed together.
struct CodeBatch: ~Copyable {
    /// Rows that fit.
    static let capacity = 64

    private let pointers = AlignedBuffer<UnsafePointer<UInt8>?>(repeating: nil, count: capacity)
    private let rowNumbers = AlignedBuffer<UInt32>(repeating: 0, count: capacity)
    private let scales = AlignedBuffer<UnsafePointer<Float>?>(repeating: nil, count: capacity)
    private let dots = AlignedBuffer<Int32>(repeating: 0, count: capacity)
    private(set) var count = 0

    var isFull: Bool { @inline(__always) get { count == Self.capacity } }

    /// Adds a row and asks for its scale and code: rows of a graph lie anywhere, and their cache misses are to overlap.
    @inline(__always)
    mutating func append(_ row: Int, _ rows: VectorRows) {
        let (code, scale) = (rows.code(row), rows.scale(row))
        ek_prefetch_line(scale)
        var line = 0
        while line < min(rows.codeStride, 1024) {
            ek_prefetch_line(code + line)
            line += 64
        }
        append(row, code: code, scale: scale)
    }

    /// Adds a row that is near by in memory.
    @inline(__always)
    mutating func append(_ row: Int, code: UnsafePointer<UInt8>, scale: UnsafePointer<Float>) {
        assert(count < Self.capacity)
        pointers.baseAddress[count] = code
        scales.baseAddress[count] = scale
        rowNumbers.baseAddress[count] = UInt32(truncatingIfNeeded: row)
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
            guard let scale = scales.baseAddress[index] else { continue }
            let row = Int(rowNumbers.baseAddress[index])
            body(index, row, query.distance(dot: dots.baseAddress[index], row: row, scale: scale))
        }
    }
}
