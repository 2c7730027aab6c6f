import CKernels
import Foundation
import Numerics
import Testing

/// One head's attention with gaps on every level that this machine has, against the formula in Double without these rows.
@Suite("Attention with gaps", .serialized)
struct AttentionGapTests {
    struct Case: CustomStringConvertible {
        let rows: Int
        let size: Int
        let first: Int
        let width: Int
        let starts: [Int]

        var description: String { "\(rows) rows of \(size), gaps of \(width) from \(first): \(starts)" }
    }

    /// With none but the rows of gaps, with these at either end, and within tiles of queries and keys.
    static let cases = [
        Case(rows: 1, size: 4, first: 0, width: 0, starts: [0, 0]),
        Case(rows: 2, size: 3, first: 0, width: 1, starts: [1, 0]),
        Case(rows: 5, size: 8, first: 1, width: 2, starts: [1, 2, 3]),
        Case(rows: 40, size: 13, first: 0, width: 20, starts: [0, 7, 20]),
        Case(rows: 64, size: 64, first: 10, width: 7, starts: [10, 11, 12, 13, 14, 15, 16, 17]),
        Case(rows: 75, size: 16, first: 13, width: 31, starts: Array(13...44)),
        Case(rows: 300, size: 24, first: 238, width: 31, starts: [238, 250, 269]),
        Case(rows: 530, size: 64, first: 250, width: 31, starts: [281, 265, 250]),
        Case(rows: 500, size: 20, first: 5, width: 120, starts: [5, 64, 125]),
        Case(rows: 33, size: 7, first: 31, width: 1, starts: [31, 32]),
    ]

    private func run<Number: BitwiseCopyable>(
        _ item: Case, stride: Int, fill: Number, scratch size: Int,
        _ attend: (UnsafePointer<ek_gaps>, UnsafeMutablePointer<Number>, UnsafeMutablePointer<Float>) -> Void
    ) -> [[Number]] {
        let context = item.rows * (item.size + 2)
        var result = [Number](repeating: fill, count: item.starts.count * context)
        var scratch = [Float](repeating: .nan, count: size)
        item.starts.withUnsafeBufferPointer { starts in
            var gaps = ek_gaps(
                first: item.first, width: item.width, starts: starts.baseAddress, count: starts.count,
                context_size: context)
            attend(&gaps, &result, &scratch)
        }
        return item.starts.indices.map { Array(result[$0 * context..<($0 + 1) * context]) }
    }

    private func f32(_ head: AttentionKernelTests.Head, _ item: Case, _ queries: Range<Int>? = nil) -> [[Float]] {
        let queries = queries ?? 0..<item.rows
        return run(
            item, stride: head.stride, fill: 12345, scratch: ek_attention_gaps_scratch(item.rows, item.size)
        ) { gaps, context, scratch in
            head.values.withUnsafeBufferPointer { buffer in
                let query = buffer.baseAddress!
                ek_attention_gaps_f32(
                    query, query + item.size, query + 2 * item.size, head.stride, item.rows, item.size, gaps,
                    queries.lowerBound, queries.upperBound, context, item.size + 2, scratch)
            }
        }
    }

    private func bf16(_ values: [UInt16], stride: Int, _ item: Case, _ queries: Range<Int>? = nil) -> [[UInt16]] {
        let queries = queries ?? 0..<item.rows
        return run(
            item, stride: stride, fill: 77, scratch: ek_attention_gaps_scratch_bf16(item.rows, item.size)
        ) { gaps, context, scratch in
            values.withUnsafeBufferPointer { buffer in
                let query = buffer.baseAddress!
                ek_attention_gaps_bf16(
                    query, query + item.size, query + 2 * item.size, stride, item.rows, item.size, gaps,
                    queries.lowerBound, queries.upperBound, context, item.size + 2, scratch)
            }
        }
    }

    private func compare(
        _ context: [Double], untouched: Double, _ expected: AttentionKernelTests.Head, _ limit: (Double) -> Double,
        _ comment: String
    ) {
        let width = expected.size + 2
        let rows =
            expected.length < 80 ? Array(0..<expected.length) : Array(stride(from: 0, to: expected.length, by: 7))
        for row in rows {
            for (d, exact) in expected.expected(row).enumerated() {
                let difference = (context[row * width + d] - exact).magnitude
                #expect(difference <= limit(exact), "\(comment), row \(row): \(difference)")
            }
        }
        for row in 0..<expected.length { #expect(context[row * width + expected.size] == untouched, "\(comment)") }
        #expect(context[(expected.length * width)...].allSatisfy { $0 == untouched }, "\(comment): rows too many")
    }

    @Test("f32 agrees with Double for each gap, also where few keys have all the weight", arguments: cases)
    func oracle(item: Case) {
        for scale in [0.3, 1, 3] {
            let head = AttentionKernelTests.Head(length: item.rows, size: item.size, scale: scale)
            let expected = item.starts.map { head.without($0..<$0 + item.width) }
            onEveryLevel { name in
                for (gap, context) in f32(head, item).enumerated() {
                    compare(
                        context.map(Double.init), untouched: 12345, expected[gap],
                        { _ in 4e-6 * scale * max(1, scale * scale) }, "\(name), gap \(gap), scale \(scale)")
                }
            }
        }
    }

    @Test("bf16 agrees with Double to the rounding of its weights", arguments: cases)
    func rounded(item: Case) {
        for scale in [1.0, 3.0] {
            var head = AttentionKernelTests.Head(length: item.rows, size: item.size, scale: scale)
            let values = head.round()
            let expected = item.starts.map { head.without($0..<$0 + item.width) }
            onEveryLevel { name in
                for (gap, context) in bf16(values, stride: head.stride, item).enumerated() {
                    compare(
                        widened(context).map(Double.init), untouched: Double(widened([77])[0]), expected[gap],
                        { 1e-2 * ($0.magnitude + scale) }, "\(name), gap \(gap), scale \(scale)")
                }
            }
        }
    }

    @Test("A gap's result is the same bits whichever gaps are beside it, in parts as in one piece", arguments: cases)
    func independent(item: Case) {
        var head = AttentionKernelTests.Head(length: item.rows, size: item.size)
        let values = head.round()
        onEveryLevel { name in
            let (whole, wholeRounded) = (f32(head, item), bf16(values, stride: head.stride, item))
            for (gap, start) in item.starts.enumerated() {
                let alone = Case(
                    rows: item.rows, size: item.size, first: item.first, width: item.width, starts: [start])
                #expect(f32(head, alone) == [whole[gap]], "\(name) \(gap)")
                #expect(bf16(values, stride: head.stride, alone) == [wholeRounded[gap]], "\(name) \(gap)")
            }
            let parts = [0..<item.rows / 3, item.rows / 3..<item.rows].map { f32(head, item, $0) }
            let roundedParts = [0..<item.rows / 3, item.rows / 3..<item.rows].map {
                bf16(values, stride: head.stride, item, $0)
            }
            for gap in item.starts.indices {
                for place in whole[gap].indices {
                    let (some, others) = (parts[0][gap][place], parts[1][gap][place])
                    #expect(whole[gap][place] == (some == 12345 ? others : some), "\(name) \(gap) \(place)")
                    #expect(some == 12345 || others == 12345, "\(name) \(gap) \(place): written twice")
                    let (roundedSome, roundedOthers) = (roundedParts[0][gap][place], roundedParts[1][gap][place])
                    #expect(
                        wholeRounded[gap][place] == (roundedSome == 77 ? roundedOthers : roundedSome),
                        "\(name) \(gap) \(place)")
                    #expect(roundedSome == 77 || roundedOthers == 77, "\(name) \(gap) \(place): written twice")
                }
            }
        }
    }

    @Test("A key that has all the weight is forgotten in the gap, and NaN in the gap spoils nothing")
    func forgotten() {
        let item = Case(rows: 50, size: 8, first: 20, width: 3, starts: [20, 23])
        var head = AttentionKernelTests.Head(length: 50, size: 8)
        for d in 0..<8 {
            for row in 0..<50 { head.values[row * head.stride + d] = 100 }
            head.values[21 * head.stride + 8 + d] = 100
            head.values[22 * head.stride + 16 + d] = .nan
        }
        let expected = head.without(20..<23)
        onEveryLevel { name in
            let context = f32(head, item)
            for (d, value) in expected.expected(5).enumerated() {
                #expect((Double(context[0][5 * 10 + d]) - value).magnitude < 1e-3, "\(name)")
            }
            #expect(context[1][5 * 10].isNaN, "\(name)")
        }
    }

    @Test(
        "A key outside of the gap whose score is NaN spoils all or counts for nothing",
        arguments: [0, 5, 12, 13, 14, 15, 16, 20])
    func noScore(place: Int) {
        let item = Case(rows: 21, size: 8, first: 6, width: 5, starts: [6])
        var head = RoundedKernelTests.lastKey
        head.values[place * head.stride + 8] = .nan
        let values = head.round()
        onEveryLevel { name in
            let value = widened(bf16(values, stride: head.stride, item)[0])[0]
            #expect(value.isNaN || value == 2, "\(name) \(value)")
        }
    }
}
