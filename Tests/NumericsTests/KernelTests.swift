import CKernels
import Foundation
import Numerics
import Testing

/// Every level that this machine has against the same formula in Double, at every length from 0 to 129 (each vector
/// width, its tails and one more) and from starts that are aligned to nothing.
@Suite("SIMD kernels", .serialized)
struct KernelTests {
    /// All tails, then widths of real embeddings.
    static let lengths = Array(0...129) + [255, 256, 257, 512, 1000, 1152]

    /// Calls `kernel` with the addresses of `count` rows of `columns` elements, the first `offset` elements in.
    func withRows<T>(
        _ values: [T], offset: Int, count: Int, columns: Int, _ kernel: (UnsafePointer<UnsafePointer<T>?>) -> Void
    ) {
        values.withUnsafeBufferPointer { buffer in
            let start = buffer.baseAddress!
            let rows = (0..<count).map { UnsafePointer<T>?(start + offset + $0 * columns) }
            rows.withUnsafeBufferPointer { kernel($0.baseAddress!) }
        }
    }

    @Test("scalar is always there, an unknown level is refused, and a level is used once it is asked for")
    func levelsAreChosen() {
        #expect(simdLevels.contains(EK_SCALAR))
        #expect(ek_use_level(ek_level(99)) == 0)
        #expect(ek_best_level() == simdLevels.last)
        onEveryLevel { name in #expect(String(cString: ek_level_name(ek_current_level())) == name) }
    }

    @Test("dot and squared L2 agree with Double sums at every length, start and number of rows")
    func distances() {
        for length in Self.lengths {
            let count = 1 + length % 11
            let offset = length % 7
            let query = normals(length + 3, seed: UInt64(length))
            let rows = normals(offset + count * length + 1, seed: UInt64(length) + 1000)
            onEveryLevel { name in
                var dots = [Float](repeating: .nan, count: count)
                var squares = dots
                query.withUnsafeBufferPointer { query in
                    withRows(rows, offset: offset, count: count, columns: length) { pointers in
                        ek_dot_f32(query.baseAddress! + 3, pointers, count, length, &dots)
                        ek_squared_l2_f32(query.baseAddress! + 3, pointers, count, length, &squares)
                    }
                }
                for row in 0..<count {
                    var dot = 0.0
                    var square = 0.0
                    var size = 1e-30
                    for d in 0..<length {
                        let (q, x) = (Double(query[3 + d]), Double(rows[offset + row * length + d]))
                        dot += q * x
                        size += (q * x).magnitude
                        square += (q - x) * (q - x)
                    }
                    #expect((Double(dots[row]) - dot).magnitude <= 2e-6 * size, "\(name) \(length) row \(row)")
                    #expect((Double(squares[row]) - square).magnitude <= 2e-6 * square, "\(name) \(length) row \(row)")
                }
            }
        }
    }

    @Test("a row's result is the same bits however many rows are in the call")
    func independentOfTheBatch() {
        let (length, count) = (77, 23)
        let query = normals(length, seed: 1)
        let rows = normals(count * length, seed: 2)
        onEveryLevel { name in
            var together = [Float](repeating: 0, count: count)
            withRows(rows, offset: 0, count: count, columns: length) {
                ek_dot_f32(query, $0, count, length, &together)
            }
            for part in 1...count {
                var out = [Float](repeating: 0, count: part)
                withRows(rows, offset: 0, count: part, columns: length) { ek_dot_f32(query, $0, part, length, &out) }
                #expect(out == Array(together[..<part]), "\(name) \(part)")
                withRows(rows, offset: (count - part) * length, count: part, columns: length) {
                    ek_dot_f32(query, $0, part, length, &out)
                }
                #expect(out == Array(together[(count - part)...]), "\(name) last \(part)")
            }
        }
    }

    @Test("NaN, infinities and denormals come through dot and squared L2")
    func specialValues() {
        for length in [1, 5, 16, 31, 40] {
            for place in [0, length / 2, length - 1] {
                let query = [Float](repeating: 1, count: length)
                onEveryLevel { name in
                    func distances(_ value: Float) -> (Float, Float) {
                        var row = [Float](repeating: 0, count: length)
                        row[place] = value
                        var dot: Float = 0
                        var square: Float = 0
                        withRows(row, offset: 0, count: 1, columns: length) {
                            ek_dot_f32(query, $0, 1, length, &dot)
                            ek_squared_l2_f32(query, $0, 1, length, &square)
                        }
                        return (dot, square)
                    }
                    #expect(distances(.nan).0.isNaN && distances(.nan).1.isNaN, "\(name)")
                    #expect(distances(.infinity) == (.infinity, .infinity), "\(name)")
                    #expect(distances(-.infinity).0 == -.infinity, "\(name)")
                    let tiny = Float.leastNonzeroMagnitude * 5
                    #expect(distances(tiny) == (tiny, Float(length)), "\(name)")
                }
            }
        }
    }

    @Test("the int8 dot product is exact at every length, also where every value is extreme")
    func integerDot() {
        var random = SeededRandom(seed: 3)
        for length in Self.lengths + [4096, 65536] {
            let count = length > 2000 ? 5 : 1 + length % 11
            let extreme = length % 3 == 0
            let query = (0..<length).map { _ in extreme ? -127 : Int8.random(in: -127...127, using: &random) }
            let rows = (0..<count * length + 1).map { _ in
                extreme ? UInt8.max : UInt8.random(in: 0...255, using: &random)
            }
            let expected = (0..<count).map { row in
                (0..<length).reduce(0) { $0 + Int(query[$1]) * (Int(rows[1 + row * length + $1]) - 128) }
            }
            onEveryLevel { name in
                var out = [Int32](repeating: .max, count: count)
                withRows(rows, offset: 1, count: count, columns: length) {
                    ek_dot_s8u8(query, $0, count, length, &out)
                }
                #expect(out.map(Int.init) == expected, "\(name) \(length)")
            }
        }
    }

    @Test("squares of sketches are the exact integers, in order and by number, and so is what lies within a limit")
    func sketches() {
        var random = SeededRandom(seed: 8)
        let values = Int(EK_SKETCH)
        for count in [0, 1, 2, 3, 4, 5, 7, 8, 47, 64] {
            // The last 8 bytes of a row are no part of the sketch.
            let table = (0..<max(1, count) * 64).map { _ in Int8(Int(random.next() % 255) - 127) }
            let query = (0..<64).map { _ in Int8(Int(random.next() % 255) - 127) }
            let expected = (0..<count).map { row in
                (0..<values).reduce(Int32(0)) {
                    let difference = Int32(query[$1]) - Int32(table[row * 64 + $1])
                    return $0 + difference * difference
                }
            }
            var ids = (0..<count).map { UInt32($0) }
            ids.shuffle(using: &random)
            let limit = expected.sorted().dropFirst(count / 2).first ?? 0
            onEveryLevel { name in
                var out = [Int32](repeating: -1, count: count)
                ek_squared_l2_s8(query, table, count, &out)
                #expect(out == expected, "\(name) \(count)")
                for limit in [limit, Int32.max, -1] {
                    var found = [UInt32](repeating: .max, count: count)
                    var squares = [Int32](repeating: -1, count: count)
                    let within = ek_squared_l2_s8_within(query, table, ids, count, limit, &found, &squares)
                    let kept = ids.filter { expected[Int($0)] <= limit }
                    #expect(Array(found.prefix(within)) == kept, "\(name) \(count) \(limit)")
                    #expect(Array(squares.prefix(within)) == kept.map { expected[Int($0)] })
                }
            }
        }
    }

    @Test("quantising gives the nearest steps of the largest magnitude and their squares; zero gives zeros")
    func quantise() {
        for length in Self.lengths where length > 0 {
            for scale in [1, 1e-38, 1e36] {
                let values = normals(length, seed: UInt64(length), scale: scale)
                let largest = values.map(\.magnitude).max() ?? 0
                var code = [Int8](repeating: 99, count: length)
                var squares: Int64 = -1
                #expect(ek_quantise_s8(values, length, &code, &squares) == largest)
                for d in 0..<length {
                    let exact = largest == 0 ? 0 : Double(values[d]) * 127 / Double(largest)
                    #expect((Double(code[d]) - exact).magnitude <= 0.501, "\(length) \(scale) \(d)")
                }
                #expect(squares == code.reduce(0) { $0 + Int64($1) * Int64($1) })
            }
        }
        var code: [Int8] = [1, 2, 3]
        var squares: Int64 = 5
        #expect(ek_quantise_s8([0, 0, 0], 3, &code, &squares) == 0)
        #expect(code == [0, 0, 0] && squares == 0)
    }

    @Test("normalise returns the norm and leaves a unit vector; zero stays; tiny and huge values keep their digits")
    func normalise() {
        for length in Self.lengths where length > 0 {
            for scale in [1, 1e-30, 1e30] {
                let values = normals(length, seed: UInt64(length), scale: scale)
                let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                var x = values
                let result = ek_normalise_f32(&x, length)
                #expect((Double(result) - norm).magnitude <= 1e-6 * norm)
                for d in 0..<length { #expect((Double(x[d]) - Double(values[d]) / norm).magnitude <= 1e-7) }
            }
        }
        var zero = [Float](repeating: 0, count: 9)
        #expect(ek_normalise_f32(&zero, 9) == 0)
        #expect(zero == [Float](repeating: 0, count: 9))
    }

    @Test("layer norm agrees with Double, in place, with and without a residual, also far from zero")
    func layerNorm() {
        for columns in Self.lengths where columns > 0 {
            let rows = 2
            let offset: Float = columns % 4 == 0 ? 100 : 0
            let x = normals(rows * columns, seed: 5).map { $0 + offset }
            let residual = normals(rows * columns, seed: 6)
            let gain = normals(columns, seed: 7)
            let bias = normals(columns, seed: 8)
            onEveryLevel { name in
                for withResidual in [false, true] {
                    var out = x
                    out.withUnsafeMutableBufferPointer { out in
                        residual.withUnsafeBufferPointer { residual in
                            ek_layer_norm_f32(
                                out.baseAddress!, out.baseAddress!, withResidual ? residual.baseAddress! : nil, gain,
                                bias, rows, columns, 1e-5)
                        }
                    }
                    for row in 0..<rows {
                        let v = (row * columns..<(row + 1) * columns).map {
                            Double(withResidual ? x[$0] + residual[$0] : x[$0])
                        }
                        let mean = v.reduce(0, +) / Double(columns)
                        let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                        for column in 0..<columns {
                            let standard = (v[column] - mean) / (variance + 1e-5).squareRoot()
                            let expected = standard * Double(gain[column]) + Double(bias[column])
                            let size =
                                (standard * Double(gain[column])).magnitude + Double(bias[column].magnitude) + 0.1
                            let difference = (Double(out[row * columns + column]) - expected).magnitude
                            #expect(difference <= 1e-6 * size, "\(name) \(columns) \(difference / size)")
                        }
                    }
                }
            }
        }
    }
}
