import CKernels
import Foundation
import Numerics
import Testing

func rounded(_ values: [Float]) -> [UInt16] {
    var result = [UInt16](repeating: 7, count: values.count)
    ek_round_bf16(values, values.count, &result)
    return result
}

func widened(_ values: [UInt16]) -> [Float] { values.map { Float(bitPattern: UInt32($0) << 16) } }

/// The kernels for bfloat16 numbers, on every level that this machine has (those without instructions of
/// their own run the plain loops), against the same formula in Double on the same rounded numbers.
@Suite("Kernels for bf16", .serialized)
struct RoundedKernelTests {
    @Test("numbers are rounded to the nearest bfloat16, of two to the even one, below 2^-126 to 0; NaN stays NaN")
    func rounding() {
        let exact = (0...UInt16.max).map { Float(bitPattern: UInt32($0) << 16) }
        let cases: [(UInt32, UInt16)] = [
            (0x3f80_8000, 0x3f80), (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81), (0x3f80_7fff, 0x3f80),
            (0xbf80_8000, 0xbf80), (0x7f7f_ffff, 0x7f80), (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80),
            (0x0000_8001, 0), (0x007f_ffff, 0), (0x8000_8001, 0x8000), (0x0080_0000, 0x0080), (0x8080_0000, 0x8080),
        ]
        onEveryLevel { name in
            for (number, result) in zip(exact, rounded(exact)) {
                if number.isNaN {
                    #expect(Float(bitPattern: UInt32(result) << 16).isNaN, "\(name)")
                } else {
                    let bits = number.isSubnormal ? number.bitPattern & 0x8000_0000 : number.bitPattern
                    #expect(UInt32(result) << 16 == bits, "\(name)")
                }
            }
            let found = rounded(cases.map { Float(bitPattern: $0.0) })
            #expect(found == cases.map(\.1), "\(name)")
        }
    }

    private static let shapes = [
        (1, 1, 1), (2, 3, 5), (3, 7, 31), (5, 24, 32), (6, 25, 33), (8, 64, 64), (9, 33, 47), (17, 130, 100),
        (200, 10, 70),
    ]

    @Test("linear layers on bf16 agree with Double, and what is rounded is the f32 result", arguments: shapes)
    func linear(rows: Int, input: Int, output: Int) {
        let x = rounded(normals(rows * input, seed: 1))
        let weights = widened(rounded(normals(output * input, seed: 2)))
        let bias = normals(output, seed: 3)
        let residual = normals(rows * output, seed: 4)
        var packed = [UInt16](repeating: 0x7fff, count: ek_packed_size_bf16(output, input))
        ek_pack_bf16(weights, output, input, &packed)
        let plain = widened(x)
        onEveryLevel { name in
            for (kind, hasResidual) in [(EK_NO_ACTIVATION, true), (EK_RELU, false), (EK_GELU, true)] {
                var y = [Float](repeating: 77, count: rows * output + 1)
                var short = [UInt16](repeating: 77, count: rows * output + 1)
                residual.withUnsafeBufferPointer { residual in
                    ek_linear_bf16(
                        x, rows, input, packed, bias, output, kind, hasResidual ? residual.baseAddress! : nil, &y,
                        &short)
                }
                #expect(y.removeLast() == 77 && short.removeLast() == 77, "\(name)")
                #expect(short == rounded(y), "\(name)")
                for row in 0..<rows {
                    for column in 0..<output {
                        var (sum, size) = (Double(bias[column]), 1.0)
                        for k in 0..<input {
                            let product = Double(plain[row * input + k]) * Double(weights[column * input + k])
                            sum += product
                            size += product.magnitude
                        }
                        if kind == EK_RELU { sum = max(0, sum) }
                        if kind == EK_GELU { sum = sum / 2 * complementaryErrorFunction(-sum / 2.0.squareRoot()) }
                        if hasResidual { sum += Double(residual[row * output + column]) }
                        let difference = (Double(y[row * output + column]) - sum).magnitude
                        #expect(difference <= 1e-6 * size, "\(name) \(kind) \(row) \(column): \(difference)")
                    }
                }
                // A row alone is the same bits.
                var alone = [Float](repeating: 0, count: output)
                let last = rows - 1
                x.withUnsafeBufferPointer { x in
                    residual.withUnsafeBufferPointer { residual in
                        ek_linear_bf16(
                            x.baseAddress! + last * input, 1, input, packed, bias, output, kind,
                            hasResidual ? residual.baseAddress! + last * output : nil, &alone, nil)
                    }
                }
                #expect(alone == Array(y[last * output..<rows * output]), "\(name)")
            }
        }
    }

    @Test(
        "attention on bf16 agrees with Double to the rounding of its weights, in parts as in one piece",
        arguments: [
            (1, 64), (2, 1), (3, 7), (5, 8), (17, 64), (31, 24), (33, 32), (64, 64), (239, 20), (240, 64), (241, 9),
            (481, 64), (801, 40),
        ])
    func attention(length: Int, size: Int) {
        for scale in [1.0, 3.0] {
            var head = AttentionKernelTests.Head(length: length, size: size, scale: scale)
            let values = head.round()
            onEveryLevel { name in
                let whole = attention(values, head, 0..<length)
                let found = widened(whole)
                for row in [0, length / 2, length - 1] {
                    for (column, exact) in head.expected(row).enumerated() {
                        let difference = (Double(found[row * (size + 2) + column]) - exact).magnitude
                        #expect(difference <= 1e-2 * 3 * scale, "\(name) \(row) \(column): \(difference)")
                        // Nearly all of them are far closer: two roundings to 8 bits.
                        #expect(
                            difference <= 1e-2 * (exact.magnitude + scale), "\(name) \(row) \(column): \(difference)")
                    }
                    #expect(whole[row * (size + 2) + size] == 77, "\(name)")
                }
                let (first, end) = (length / 3, length - length / 4)
                let part = attention(values, head, first..<end)
                #expect(
                    Array(part[first * (size + 2)..<end * (size + 2)])
                        == Array(whole[first * (size + 2)..<end * (size + 2)]),
                    "\(name)")
            }
        }
    }

    @Test(
        "scores that rise and fall by thousands, within a tile of keys and from one to the next, lose nobody's weight",
        arguments: [5, 130, 401, 1000])
    func risingScores(length: Int) {
        for (rise, name) in [(1.0, "rising"), (-1.0, "falling")] {
            var head = AttentionKernelTests.Head(length: length, size: 8)
            for row in 0..<length {
                let step = Float(rise) * Float(row - length / 2) / 2
                for d in 0..<8 {
                    // A third of the queries meet the keys' scores upside down, a third meet hardly any difference.
                    head.values[row * head.stride + d] = [4, -4, 0.01][row % 3]
                    head.values[row * head.stride + 8 + d] += step
                }
            }
            let values = head.round()
            onEveryLevel { level in
                let context = widened(attention(values, head, 0..<length))
                for row in 0..<length {
                    for (d, exact) in head.expected(row).enumerated() {
                        let difference = (Double(context[row * 10 + d]) - exact).magnitude
                        #expect(difference <= 1e-2 * (exact.magnitude + 1), "\(level) \(name) \(row): \(difference)")
                    }
                }
            }
        }
    }

    @Test("NaN in a query spoils that query, infinite scores no other, and large ones neither overflow nor vanish")
    func specialScores() {
        for length in [3, 17, 450] {
            var head = AttentionKernelTests.Head(length: length, size: 8)
            head.values[2 * head.stride] = .nan
            head.values[head.stride] = .infinity
            let values = rounded(head.values)
            var large = AttentionKernelTests.Head(length: length, size: 8, scale: 1e3)
            large.values[0] = 1e4
            let largeValues = large.round()
            let expected = large.expected(0)
            onEveryLevel { name in
                let context = widened(attention(values, head, 0..<length))
                for row in [0, 2, length - 1] {
                    #expect(context[row * 10..<row * 10 + 8].allSatisfy { $0.isNaN } == (row == 2), "\(name) \(row)")
                }
                for (d, value) in widened(attention(largeValues, large, 0..<length)).prefix(8).enumerated() {
                    #expect((Double(value) - expected[d]).magnitude <= 1e-2 * 1e3, "\(name) \(value)")
                }
            }
        }
    }

    @Test("a key whose score is NaN spoils all or counts for nothing, whichever of a step it is", arguments: 0..<11)
    func noScore(place: Int) {
        var head = Self.lastKey
        head.values[place * head.stride + 8] = .nan
        let values = head.round()
        head.values[place * head.stride + 16] = .nan
        let spoiled = rounded(head.values)
        onEveryLevel { name in
            let value = widened(attention(values, head, 0..<1))[1]
            #expect(value.isNaN || value == 2, "\(name) \(value)")
            #expect(widened(attention(spoiled, head, 0..<1))[0].isNaN, "\(name)")
        }
    }

    /// Key 11 has all the weight and the value 2, the others have 1.
    static var lastKey: AttentionKernelTests.Head {
        var head = AttentionKernelTests.Head(length: 21, size: 8)
        for row in 0..<21 {
            for d in 0..<8 {
                head.values[row * head.stride + d] = 1
                head.values[row * head.stride + 8 + d] = row == 11 ? 50 : 0
                head.values[row * head.stride + 16 + d] = row == 11 ? 2 : 1
            }
        }
        return head
    }

    /// Rows `range` of the context of rounded numbers, `size + 2` apart; 77 in the others.
    private func attention(_ values: [UInt16], _ head: AttentionKernelTests.Head, _ range: Range<Int>) -> [UInt16] {
        let (length, size) = (head.length, head.size)
        var context = [UInt16](repeating: 77, count: length * (size + 2))
        var scratch = [Float](repeating: .nan, count: ek_attention_scratch_bf16(length, size))
        values.withUnsafeBufferPointer { buffer in
            let query = buffer.baseAddress!
            ek_attention_bf16(
                query, query + size, query + 2 * size, head.stride, length, size, range.lowerBound, range.upperBound,
                &context, size + 2, &scratch)
        }
        return context
    }

    @Test("layer norm on bf16 is the f32 one, rounded")
    func layerNorm() {
        let (rows, columns) = (5, 77)
        let x = normals(rows * columns, seed: 5)
        let (gain, bias) = (normals(columns, seed: 6), normals(columns, seed: 7))
        onEveryLevel { name in
            var plain = x
            ek_layer_norm_f32(&plain, x, nil, gain, bias, rows, columns, 1e-5)
            var out = [Float](repeating: 0, count: rows * columns)
            var short = [UInt16](repeating: 0, count: rows * columns)
            ek_layer_norm_bf16(&out, x, nil, gain, bias, rows, columns, 1e-5, &short)
            #expect(out == plain && short == rounded(plain), "\(name)")
        }
    }

    @Test("a NaN makes its row NaN, never a number")
    func notANumber() {
        let (rows, input, output) = (9, 20, 40)
        var x = normals(rows * input, seed: 12)
        x[3 * input + 7] = .nan
        let weights = normals(output * input, seed: 13)
        let bias = normals(output, seed: 14)
        var packed = [UInt16](repeating: 0, count: ek_packed_size_bf16(output, input))
        ek_pack_bf16(weights, output, input, &packed)
        onEveryLevel { name in
            var y = [Float](repeating: 0, count: rows * output)
            ek_linear_bf16(rounded(x), rows, input, packed, bias, output, EK_NO_ACTIVATION, nil, &y, nil)
            for row in 0..<rows {
                #expect(y[row * output..<(row + 1) * output].allSatisfy { $0.isNaN == (row == 3) }, "\(name) \(row)")
            }
        }
    }
}
