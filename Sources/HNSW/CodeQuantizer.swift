/// int8 codes of f32 vectors, a scale a vector: code = round(127 v / max|v|) + 128, so that 128 stands for 0.
///
/// Beside its code a row has two floats, ``scaleFloats``:
///
/// | metric | 0: scale | 1: term |
/// |---|---|---|
/// | cosine | 1 / norm of the code | 1 / norm of the f32 vector, for the re-rank |
/// | l2 | max\|v\| / 127 | squared norm of the decoded vector |
/// | ip | max\|v\| / 127 | squared norm of the decoded vector |
///
/// A zero vector has zeros in both. All is computed in integers and Double: the same bytes on every machine.
package enum CodeQuantizer {
    /// Floats beside each code.
    package static let scaleFloats = 2
    /// Bytes from a row of scales to the next.
    package static let scaleStride = 8

    /// Bytes of a code row: the dimension, padded to whole cache lines by codes of 0.
    package static func codeStride(dimension: Int) -> Int { (dimension + 63) / 64 * 64 }

    /// Writes the code of `vector` [dimension] to `code` [``codeStride(dimension:)``], its two floats to `scale`.
    ///
    /// No value may be NaN or infinite; the caller has checked.
    package static func encode(
        _ vector: UnsafePointer<Float>, dimension: Int, metric: Metric, code: UnsafeMutablePointer<UInt8>,
        scale: UnsafeMutablePointer<Float>
    ) {
        var largest: Float = 0
        for d in 0..<dimension { largest = max(largest, vector[d].magnitude) }
        let stride = codeStride(dimension: dimension)
        (code + dimension).update(repeating: 128, count: stride - dimension)
        guard largest > 0 else {
            code.update(repeating: 128, count: dimension)
            scale[0] = 0
            scale[1] = 0
            return
        }
        let factor = 127 / Double(largest)
        // Halves away from zero, as `rounded()` does, which is a call of the C library.
        func nearestInteger(_ value: Double) -> Int {
            let truncated = Int(value)
            let rest = value - Double(truncated)
            return rest >= 0.5 ? truncated + 1 : rest <= -0.5 ? truncated - 1 : truncated
        }
        var codeSquares = 0
        var squares = 0.0
        for d in 0..<dimension {
            let value = Double(vector[d])
            let rounded = nearestInteger(value * factor)
            codeSquares += rounded * rounded
            squares += value * value
            code[d] = UInt8(truncatingIfNeeded: rounded + 128)
        }
        switch metric {
        case .cosine:
            scale[0] = Float(1 / Double(codeSquares).squareRoot())
            scale[1] = min(Float(1 / squares.squareRoot()), .greatestFiniteMagnitude)
        case .l2, .ip:
            scale[0] = Float(1 / factor)
            scale[1] = Float(Double(codeSquares) / (factor * factor))
        }
    }
}
