internal import CKernels
internal import Numerics

/// A query as the walk compares it with codes: distance = base + termWeight · term − factor · scale · dot − lift.
///
/// cosine: 1 − cos; l2: the *squared* distance; ip: −product. Only the order matters until the f32 re-rank.
struct CodedQuery: ~Copyable {
    /// s8 values, zeros up to the codes' stride.
    private var code: AlignedBuffer<Int8>
    /// What the code's values stand for.
    private(set) var scale: Float = 0
    /// By how much distances by code are wrong at most, in 39 of 40 cases; infinite where that is not known.
    private(set) var margin = Float.infinity
    private var base: Float = 0
    private var termWeight: Float = 0
    private var factor: Float = 0
    private var lift: Float = 0
    private var lifts: UnsafePointer<Float>?

    init() {
        code = AlignedBuffer(repeating: 0, count: 0)
    }

    private mutating func reserve(_ stride: Int) {
        if code.count < stride {
            code = AlignedBuffer(repeating: 0, count: stride)
        }
    }

    /// Takes a query from outside. [dimension]
    mutating func set(_ query: UnsafePointer<Float>, in rows: VectorRows) {
        reserve(rows.codeStride)
        var squares: Int64 = 0
        let largest = ek_quantise_s8(query, rows.dimension, code.baseAddress, &squares)
        (code.baseAddress + rows.dimension).update(repeating: 0, count: rows.codeStride - rows.dimension)
        let step = largest / 127
        if rows.metric == .cosine {
            set(scale: squares > 0 ? 1 / Float(squares).squareRoot() : 0, term: 0, metric: .cosine)
        } else {
            set(scale: step, term: step * step * Float(squares), metric: rows.metric)
        }
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
        // A code row is whole cache lines long.
        let target = UnsafeMutableRawPointer(code.baseAddress)
        let bytes = UnsafeRawPointer(source)
        for offset in Swift.stride(from: 0, to: stride, by: 8) {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ 0x8080_8080_8080_8080
            target.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
        }
        set(scale: scale, term: term, metric: metric)
    }

    private mutating func set(scale: Float, term: Float, metric: Metric) {
        self.scale = scale
        // Rounding is wrong by 1/√12 of a step at a time, in the query and, about as much, in a row.
        let error = scale * (2.0 / 12).squareRoot()
        margin = metric == .cosine ? 2 * error : metric == .l2 ? 4 * error * term.squareRoot() : .infinity
        base = metric == .cosine ? 1 : metric == .l2 ? term : 0
        termWeight = metric == .l2 ? 1 : 0
        factor = metric == .l2 ? 2 * scale : scale
        lifts = nil
    }

    /// The distance of a row, of its dot product and its two floats.
    @inline(__always)
    func distance(dot: Int32, row: Int, scale: (Float, Float)) -> Float {
        var offset = base + termWeight * scale.1
        if let lifts { offset -= lift * lifts[row] }
        return offset - factor * scale.0 * Float(dot)
    }

    /// Dot products with `count` codes.
    @inline(__always)
    func dots(
        _ codes: UnsafePointer<UnsafePointer<UInt8>?>, count: Int, stride: Int, out: UnsafeMutablePointer<Int32>
    ) {
        ek_dot_s8u8(code.baseAddress, codes, count, stride, out)
    }
}
