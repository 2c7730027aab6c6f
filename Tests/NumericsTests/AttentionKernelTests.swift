import CKernels
import Foundation
import Numerics
import Testing

/// One head's attention on every level that this machine has, against the same formula in Double.
@Suite("Attention", .serialized)
struct AttentionKernelTests {
    /// Query, key and value of `length` tokens side by side in rows with some floats more.
    struct Head {
        let length: Int
        let size: Int
        let stride: Int
        var values: [Float]

        init(length: Int, size: Int, scale: Double = 1) {
            self.length = length
            self.size = size
            stride = 3 * size + 5
            values = normals(length * stride, seed: UInt64(length * 100 + size), scale: scale)
        }

        func vector(_ part: Int, _ row: Int) -> ArraySlice<Float> {
            values[row * stride + part * size..<row * stride + (part + 1) * size]
        }

        /// Rows `range` of the context, `size + 2` floats apart.
        func result(_ range: Range<Int>) -> [Float] {
            var context = [Float](repeating: 12345, count: length * (size + 2))
            var scratch = [Float](repeating: .nan, count: ek_attention_scratch(length, size))
            values.withUnsafeBufferPointer { buffer in
                let query = buffer.baseAddress!
                ek_attention_f32(
                    query, query + size, query + 2 * size, stride, length, size, range.lowerBound, range.upperBound,
                    &context, size + 2, &scratch)
            }
            return context
        }

        /// The numbers in bf16, queries as attention in bf16 takes them; this becomes what they stand for.
        mutating func round() -> [UInt16] {
            let scale = ek_query_scale_bf16(size)
            let queries = (0..<length).flatMap { row in (0..<size).map { row * stride + $0 } }
            for place in queries { values[place] *= scale }
            let rounded = NumericsTests.rounded(values)
            values = widened(rounded)
            for place in queries { values[place] /= scale }
            return rounded
        }

        /// The same without some rows.
        func without(_ gap: Range<Int>) -> Head {
            var result = Head(length: length - gap.count, size: size)
            result.values = Array(values[..<(gap.lowerBound * stride)] + values[(gap.upperBound * stride)...])
            return result
        }

        func expected(_ row: Int) -> [Double] {
            let query = vector(0, row)
            let scores = (0..<length).map { key in
                zip(query, vector(1, key)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / Double(size).squareRoot()
            }
            let top = scores.max() ?? 0
            let weights = scores.map { exp($0 - top) }
            let sum = weights.reduce(0, +)
            var result = [Double](repeating: 0, count: size)
            for key in 0..<length {
                for (d, value) in vector(2, key).enumerated() { result[d] += weights[key] / sum * Double(value) }
            }
            return result
        }
    }

    @Test("agrees with Double for any length and width of a head, also where few keys have all the weight")
    func oracle() {
        for (length, size) in [
            (1, 64), (2, 1), (3, 7), (5, 8), (6, 6), (7, 13), (8, 64), (15, 12), (16, 16), (17, 64), (31, 24), (33, 32),
            (64, 64), (239, 20), (240, 64), (241, 9), (246, 16), (479, 8), (481, 64), (600, 5),
        ] {
            for scale in [0.3, 1, 3] {
                let head = Head(length: length, size: size, scale: scale)
                let rows = length < 70 ? Array(0..<length) : [0, 1, length / 2, length - 2, length - 1]
                let expected = rows.map(head.expected)
                onEveryLevel { name in
                    let context = head.result(0..<length)
                    for (row, expected) in zip(rows, expected) {
                        for d in 0..<size {
                            let difference = (Double(context[row * (size + 2) + d]) - expected[d]).magnitude
                            // Scores are rounded, too, and are up to some hundred where they are peaked.
                            #expect(
                                difference <= 4e-6 * scale * max(1, scale * scale),
                                "\(name) \(length) \(size) \(scale) \(difference)")
                        }
                    }
                    for row in 0..<length { #expect(context[row * (size + 2) + size] == 12345) }
                }
            }
        }
    }

    /// Keys s on one axis, values the unit vectors: the context is the weights themselves.
    @Test("weights are e^s within 3e-7 of them and of what the rounding of s makes, down to nothing")
    func exponential() {
        let length = 64
        for span in [1.0, 20, 86, 150] {
            var head = Head(length: length, size: 64)
            for index in head.values.indices { head.values[index] = 0 }
            let scores = (0..<length).map { Float(-span * Double($0) / Double(length - 1)) }
            for row in 0..<length {
                head.values[row * head.stride] = 8
                head.values[row * head.stride + 64] = scores[row]
                head.values[row * head.stride + 128 + row] = 1
            }
            onEveryLevel { name in
                let weights = head.result(0..<length)
                for key in 0..<length {
                    let exact = exp(Double(scores[key]))
                    let error = (Double(weights[key]) / Double(weights[0]) - exact).magnitude
                    #expect(
                        error <= exact * (3e-7 + 1.2e-7 * Double(scores[key].magnitude)) + 1e-37,
                        "\(name) \(scores[key])")
                }
            }
        }
    }

    @Test("a query's result is the same bits whichever others are asked for, and no other row is written")
    func independentOfTheQueries() {
        let head = Head(length: 257, size: 20)
        onEveryLevel { name in
            let whole = head.result(0..<257)
            for range in [0..<1, 1..<2, 0..<32, 5..<77, 31..<257, 256..<257, 7..<7] {
                let part = head.result(range)
                for row in 0..<257 {
                    let place = row * 22..<row * 22 + 20
                    let isAsked = range.contains(row)
                    #expect(
                        isAsked ? part[place] == whole[place] : part[place].allSatisfy { $0 == 12345 },
                        "\(name) \(range) \(row)")
                }
            }
        }
    }

    @Test("NaN in a query spoils that query, NaN in a key all of them; large scores neither overflow nor vanish")
    func specialValues() {
        for length in [3, 17, 250] {
            var head = Head(length: length, size: 8)
            head.values[2 * head.stride] = .nan
            var broken = Head(length: length, size: 8)
            broken.values[head.stride + 8] = .nan
            var large = Head(length: length, size: 8, scale: 1e3)
            large.values[0] = 1e4
            let expected = large.expected(0)
            onEveryLevel { name in
                let context = head.result(0..<length)
                for row in 0..<length {
                    #expect(context[row * 10..<row * 10 + 8].allSatisfy { $0.isNaN } == (row == 2), "\(name) \(row)")
                }
                let spoiled = broken.result(0..<length)
                #expect(spoiled[0].isNaN && spoiled[(length - 1) * 10].isNaN, "\(name)")
                for (d, value) in large.result(0..<length).prefix(8).enumerated() {
                    #expect((Double(value) - expected[d]).magnitude < 1e-2, "\(name) \(value)")
                }
            }
        }
    }
}
