import HNSW
import Numerics
import Testing

@Suite("Exact search and codes")
struct ExactSearchTests {
    @Test(
        "agrees with a plain loop in Double for every metric, odd dimensions and with a filter",
        arguments: Metric.allCases)
    func againstBruteForce(metric: Metric) {
        for dimension in [1, 3, 17, 64, 70, 130] {
            let values = CellLike.make(301, dimension: dimension, seed: UInt64(dimension)).vectors
            let vectors = TestVectors(values, metric: metric, rowsPerBlock: 64)
            let queries = CellLike.make(11, dimension: dimension, seed: 1000).vectors
            var filter = Bitmap(count: 301)
            for row in stride(from: 5, to: 301, by: 3) { filter[row] = true }
            for keeping in [nil, filter] {
                let answers = ExactSearch.search(vectors.set, queries: queries, k: 12, keeping: keeping, threads: 2)
                for (query, answer) in answers.enumerated() {
                    let truth = vectors.bruteForce(queries[row: query], k: 12, keeping: keeping)
                    #expect(answer.count == 12)
                    for (found, expected) in zip(answer, truth) {
                        let size = metric == .cosine ? 1 : 1 + expected.distance.magnitude
                        #expect((Double(found.distance) - expected.distance).magnitude < 2e-6 * size)
                        #expect(keeping?[found.row] ?? true)
                    }
                    for (a, b) in zip(answer, answer.dropFirst()) {
                        #expect((a.distance, a.row) < (b.distance, b.row))
                    }
                }
            }
        }
    }

    @Test("equal distances are answered by row, for any k and number of threads")
    func ties() {
        let values = Matrix(rows: 500, columns: 4, values: (0..<500).flatMap { [Float($0 % 5), 1, 0, 0] })
        for metric in Metric.allCases {
            let vectors = TestVectors(values, metric: metric)
            let query = Matrix(rows: 1, columns: 4, values: [2, 1, 0, 0])
            let best = metric == .ip ? 4 : 2
            for k in [1, 7, 100] {
                let answer = ExactSearch.search(vectors.set, queries: query, k: k, threads: 1)[0]
                #expect(answer.map(\.row) == (0..<k).map { best + 5 * $0 })
                #expect(answer == ExactSearch.search(vectors.set, queries: query, k: k, threads: 2)[0])
            }
        }
    }

    @Test("no rows, an empty filter, k of 0 and k above the number of rows")
    func edges() {
        let values = CellLike.make(3, dimension: 5, seed: 1).vectors
        let queries = CellLike.make(2, dimension: 5, seed: 2).vectors
        let vectors = TestVectors(values, metric: .l2)
        #expect(ExactSearch.search(vectors.set, queries: queries, k: 10).map(\.count) == [3, 3])
        #expect(ExactSearch.search(vectors.set, queries: queries, k: 0).map(\.count) == [0, 0])
        #expect(ExactSearch.search(vectors.set, queries: queries, k: 2, keeping: Bitmap(count: 3)) == [[], []])
        let empty = TestVectors(values, metric: .l2, count: 0)
        #expect(ExactSearch.search(empty.set, queries: queries, k: 3) == [[], []])
        #expect(ExactSearch.search(vectors.set, queries: Matrix(rows: 0, columns: 5), k: 3) == [])
    }

    @Test("a zero vector under cosine is at distance 1 from everything, as a row and as a query")
    func zeroVectors() {
        let values = Matrix(rows: 3, columns: 2, values: [0, 0, 1, 0, -1, 0])
        let vectors = TestVectors(values, metric: .cosine)
        let queries = Matrix(rows: 2, columns: 2, values: [2, 0, 0, 0])
        let answers = ExactSearch.search(vectors.set, queries: queries, k: 3)
        #expect(
            answers[0] == [Neighbor(row: 1, distance: 0), Neighbor(row: 0, distance: 1), Neighbor(row: 2, distance: 2)])
        #expect(answers[1] == (0..<3).map { Neighbor(row: $0, distance: 1) })
    }

    @Test("codes are round(127 v / max|v|) + 128, padded with 128, and decode to within half a step")
    func codes() {
        var random = SeededRandom(seed: 4)
        for dimension in [1, 5, 64, 65] {
            let vector = (0..<dimension).map { _ in Float(random.normal()) }
            let largest = vector.map(\.magnitude).max() ?? 0
            let bytes = CodeQuantizer.codeStride(dimension: dimension)
            #expect(bytes % 64 == 0 && bytes >= dimension && bytes < dimension + 64)
            var code = [UInt8](repeating: 0, count: bytes)
            var scale: [Float] = [0, 0]
            CodeQuantizer.encode(vector, dimension: dimension, metric: .l2, code: &code, scale: &scale)
            for d in 0..<dimension {
                #expect(Int(code[d]) == Int((127 * Double(vector[d]) / Double(largest)).rounded()) + 128)
                #expect(((Float(code[d]) - 128) * scale[0] - vector[d]).magnitude <= scale[0] * 0.501)
            }
            #expect(code[dimension...].allSatisfy { $0 == 128 })
            CodeQuantizer.encode(vector, dimension: dimension, metric: .cosine, code: &code, scale: &scale)
            let norm = code.reduce(0.0) { $0 + (Double($1) - 128) * (Double($1) - 128) }.squareRoot()
            #expect((Double(scale[0]) * norm - 1).magnitude < 1e-6)
        }
    }
}
