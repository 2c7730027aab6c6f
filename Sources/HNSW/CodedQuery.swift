internal import CKernels
internal import Numerics

/// A query as the walk compares it with codes: distance = base + termWeight · term − factor · scale · dot − lift.
///
/// cosine: 1 − cos; l2: the *squared* distance; ip: −product. Only the order matters until the f32 re-rank.
struct CodedQuery: ~Copyable {
    /// s8 values, zeros up to the codes' stride.
    private var code: AlignedBuffer<Int8>
    private var unsigned: AlignedBuffer<UInt8>
    private var base: Float = 0
    private var termWeight: Float = 0
    private var factor: Float = 0
    private var lift: Float = 0
    private var lifts: UnsafePointer<Float>?

    init() {
        code = AlignedBuffer(repeating: 0, count: 0)
        unsigned = AlignedBuffer(repeating: 0, count: 0)
    }

    private mutating func reserve(_ stride: Int) {
        if code.count < stride {
            code = AlignedBuffer(repeating: 0, count: stride)
            unsigned = AlignedBuffer(repeating: 0, count: stride)
        }
    }

    /// Takes a query from outside. [dimension]
    mutating func set(_ query: UnsafePointer<Float>, in rows: VectorRows) {
        reserve(rows.codeStride)
        var scale: (Float, Float) = (0, 0)
        withUnsafeMutablePointer(to: &scale) { scale in
            scale.withMemoryRebound(to: Float.self, capacity: 2) {
                CodeQuantizer.encode(
                    query, dimension: rows.dimension, metric: rows.metric, code: unsigned.baseAddress, scale: $0)
            }
        }
        set(code: unsigned.baseAddress, scale: scale.0, term: scale.1, metric: rows.metric, stride: rows.codeStride)
    }

    /// Takes a stored row as the query. `lifts` has a value for every row; see ``InnerProductLift``.
    mutating func set(row: Int, in rows: VectorRows, lifts: UnsafePointer<Float>? = nil, liftBase: Float = 0) {
        reserve(rows.codeStride)
        let scale = rows.scale(row)
        set(code: rows.code(row), scale: scale[0], term: scale[1], metric: rows.metric, stride: rows.codeStride)
        if let lifts {
            base = liftBase
            lift = lifts[row]
            self.lifts = lifts
        }
    }

    mutating func set(code source: UnsafePointer<UInt8>, scale: Float, term: Float, metric: Metric, stride: Int) {
        reserve(stride)
        for d in 0..<stride { code.baseAddress[d] = Int8(bitPattern: source[d] ^ 0x80) }
        base = metric == .cosine ? 1 : metric == .l2 ? term : 0
        termWeight = metric == .l2 ? 1 : 0
        factor = metric == .l2 ? 2 * scale : scale
        lifts = nil
    }

    /// What a row adds to its distance beside the dot product, and the factor of that.
    @inline(__always)
    func parts(of row: Int, scale: UnsafePointer<Float>) -> (offset: Float, factor: Float) {
        var offset = base + termWeight * scale[1]
        if let lifts { offset -= lift * lifts[row] }
        return (offset, factor * scale[0])
    }

    /// Dot products with `count` codes.
    @inline(__always)
    func dots(
        _ codes: UnsafePointer<UnsafePointer<UInt8>?>, count: Int, stride: Int, out: UnsafeMutablePointer<Int32>
    ) {
        ek_dot_s8u8(code.baseAddress, codes, count, stride, out)
    }
}
