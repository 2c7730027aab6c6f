internal import CKernels
internal import Numerics

/// Rows on their way through the int8 kernel: filled one by one, computed together.
struct CodeBatch: ~Copyable {
    /// Rows that fit.
    static let capacity = 64

    private let pointers = AlignedBuffer<UnsafePointer<UInt8>?>(repeating: nil, count: capacity)
    private let numbers = AlignedBuffer<UInt32>(repeating: 0, count: capacity)
    private let scales = AlignedBuffer<(Float, Float)>(repeating: (0, 0), count: capacity)
    private let dots = AlignedBuffer<Int32>(repeating: 0, count: capacity)
    private(set) var count = 0

    var isFull: Bool { @inline(__always) get { count == Self.capacity } }

    /// Adds a row and asks for its scale and code: rows of a graph lie anywhere, and their cache misses are to overlap.
    ///
    /// - Parameter number: what it is called in the batch.
    @inline(__always)
    mutating func append(_ number: Int, row: Int, _ rows: VectorRows) {
        let scale = rows.scale(row)
        ek_prefetch_line(scale)
        append(number, row: row, rows, scale: scale)
    }

    /// Adds a row whose scale is at hand, and asks for its code.
    @inline(__always)
    mutating func append(_ number: Int, row: Int, _ rows: VectorRows, scale: UnsafePointer<Float>) {
        let code = rows.code(row)
        var line = 0
        while line < min(rows.codeStride, 1024) {
            ek_prefetch_line(code + line)
            line += 64
        }
        append(number, code: code, scale: scale)
    }

    /// Adds a row that is near by in memory.
    @inline(__always)
    mutating func append(_ number: Int, code: UnsafePointer<UInt8>, scale: UnsafePointer<Float>) {
        assert(count < Self.capacity)
        pointers.baseAddress[count] = code
        scales.baseAddress[count] = (scale[0], scale[1])
        numbers.baseAddress[count] = UInt32(truncatingIfNeeded: number)
        count += 1
    }

    /// Computes all and hands out (position, number, distance) in the order of `append`; empties the batch.
    @inline(__always)
    mutating func flush(_ query: borrowing CodedQuery, stride: Int, _ body: (Int, Int, Float) -> Void) {
        let n = compare(query, stride: stride)
        for index in 0..<n { body(index, number(index), distance(index, query)) }
    }

    /// Computes all and empties the batch; ``number(_:)`` and ``distance(_:_:)`` tell of each until rows are added again.
    @inline(__always)
    mutating func compare(_ query: borrowing CodedQuery, stride: Int) -> Int {
        let n = count
        count = 0
        if n > 0 { query.dots(UnsafePointer(pointers.baseAddress), count: n, stride: stride, out: dots.baseAddress) }
        return n
    }

    @inline(__always)
    func number(_ index: Int) -> Int { Int(numbers.baseAddress[index]) }

    @inline(__always)
    func distance(_ index: Int, _ query: borrowing CodedQuery) -> Float {
        query.distance(dot: dots.baseAddress[index], row: number(index), scale: scales.baseAddress[index])
    }
}
