import Foundation
import HNSW
import Numerics
import Synchronization
import Testing

/// The step that was told last.
private final class Steps: Sendable {
    let done = Atomic(0)
}

@Suite("Graph")
struct GraphTests {
    static let count = 8000
    static let dimension = 80
    static let cells = CellLike.make(count + 100, dimension: dimension, seed: 11)
    static let queries = Matrix(
        rows: 100, columns: dimension, values: Array(cells.vectors.values[(count * dimension)...]))

    func answers(
        _ index: HNSWIndex, ef: Int, k: Int = 10, keeping: Bitmap? = nil, queries: Matrix = Self.queries
    ) -> (recall: Double, methods: Set<SearchReport.Method>) {
        let truth = ExactSearch.search(index.set, queries: queries, k: k, keeping: keeping)
        let found = index.search(queries: queries, k: k, ef: ef, keeping: keeping, threads: 2)
        for (answer, exact) in zip(found, truth) {
            #expect(answer.neighbors.count == exact.count)
            for (a, b) in zip(answer.neighbors, answer.neighbors.dropFirst()) {
                #expect((a.distance, a.row) < (b.distance, b.row))
            }
            for (a, b) in zip(answer.neighbors, exact) where a.row == b.row { #expect(a.distance == b.distance) }
            #expect(answer.neighbors.allSatisfy { keeping?[$0.row] ?? true })
            #expect(answer.report.candidates > 0)
        }
        return (Recall.mean(found.map(\.neighbors), truth: truth, k: k), Set(found.map(\.report.method)))
    }

    @Test("a build and the choice of ef report their steps and stop when told to, and are the same if they are not")
    func watching() throws {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: 2000)
        let steps = Steps()
        let watch = BuildWatch { done, total in
            steps.done.store(done, ordering: .relaxed)
            return done <= total
        }
        let graph = try HNSWBuilder(vectors.set).build(threads: 2, watch: watch)
        #expect(steps.done.load(ordering: .relaxed) >= 1900)
        let plain = HNSWBuilder(vectors.set).build(threads: 1)
        let isEqual = graph.medoids == plain.medoids
        #expect(isEqual)
        let never = BuildWatch { done, _ in done < 512 }
        #expect(throws: Stopped.self) {
            let stopped = try HNSWBuilder(vectors.set).build(threads: 2, watch: never)
            Issue.record("built \(stopped.count) rows")
        }
        let index = HNSWIndex(set: vectors.set, graph: plain)
        #expect(throws: Stopped.self) {
            _ = try Recall.smallestEf(for: index, threads: 2, watch: BuildWatch { _, _ in false })
        }
    }

    @Test("walks reach recall@10 of 0.99 for every metric", arguments: Metric.allCases)
    func recall(metric: Metric) throws {
        let vectors = TestVectors(Self.cells.vectors, metric: metric, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        try index.validate()
        let result = answers(index, ef: 64)
        #expect(result.recall >= 0.99, "\(metric)")
        #expect(result.methods == [.graph])
        let few = answers(index, ef: 1)
        #expect(few.recall > 0.5 && few.recall <= result.recall, "an ef below k counts as k")
    }

    @Test("the same bytes for two runs and for one and two threads; another seed gives other bytes")
    func deterministic() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let first = HNSWBuilder(vectors.set).build(threads: 1)
        let second = HNSWBuilder(vectors.set).build(threads: 2)
        let third = HNSWBuilder(vectors.set).build(threads: 2)
        #expect(first.medoids == second.medoids && second.medoids == third.medoids)
        #expect(first.level0Bytes.elementsEqual(second.level0Bytes))
        #expect(second.level0Bytes.elementsEqual(third.level0Bytes))
        #expect(first.numberBytes.elementsEqual(second.numberBytes))
        var parameters = HNSWParameters()
        parameters.seed = 2
        let other = HNSWBuilder(vectors.set, parameters: parameters).build(threads: 2)
        #expect(!first.level0Bytes.elementsEqual(other.level0Bytes))
        let index = HNSWIndex(set: vectors.set, graph: first)
        let one = index.search(queries: Self.queries, k: 10, ef: 40, threads: 1)
        let isSame = one == index.search(queries: Self.queries, k: 10, ef: 40, threads: 2)
        #expect(isSame)
    }

    @Test("a batch that is long enough to be sorted gives the answers of one query after another, in their order")
    func sortedBatch() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: 3000)
        var parameters = HNSWParameters()
        parameters.medoids = 64
        let graph = HNSWBuilder(vectors.set, parameters: parameters).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let (count, dimension) = (64 * 4 + 45, Self.dimension)
        let queries = Matrix(
            rows: count, columns: dimension,
            values: Array(Self.cells.vectors.values[(3000 * dimension)...].prefix(count * dimension)))
        var filter = Bitmap(count: 3000)
        for row in stride(from: 0, to: 3000, by: 4) { filter[row] = true }
        for keeping in [nil, filter] {
            var scratch = SearchScratch()
            let alone = (0..<count).map { query in
                index.search(
                    Array(queries.values[query * dimension..<(query + 1) * dimension]), k: 10, ef: 24,
                    keeping: keeping, scratch: &scratch)
            }
            for threads in [1, 2] {
                let together = index.search(queries: queries, k: 10, ef: 24, keeping: keeping, threads: threads)
                let isSame = alone == together
                #expect(isSame, "\(threads) threads")
            }
        }
    }

    @Test("rows of the same code stay in one cell, also where entries are equally near and f32 cannot tell")
    func chains() throws {
        var random = SeededRandom(seed: 5)
        var values = Matrix(rows: 1500, columns: 72)
        for row in 0..<750 {
            for column in 0..<72 {
                let value = 1000 + 0.01 * Float(random.uniform())
                // Each twice, so that half of the rows hang on another.
                values.values[row * 72 + column] = value
                values.values[(row + 750) * 72 + column] = value
            }
        }
        for metric in Metric.allCases {
            let vectors = TestVectors(values, metric: metric)
            let graph = HNSWBuilder(vectors.set).build(threads: 2)
            try HNSWIndex(set: vectors.set, graph: graph).validate()
        }
    }

    @Test(
        "vectors near the smallest and the largest that a float can hold are built and searched",
        arguments: [-40, -23, -12, 12, 17])
    func extremeLengths(exponent: Int) throws {
        // Not as a literal: the compiler warns of one that is below the normal numbers.
        let length = Float(pow(10, Double(exponent)))
        var values = Self.cells.vectors
        for index in values.values.indices { values.values[index] *= length }
        for metric in [Metric.l2, .ip] {
            let vectors = TestVectors(values, metric: metric, count: 1200)
            let graph = HNSWBuilder(vectors.set).build(threads: 2)
            let index = HNSWIndex(set: vectors.set, graph: graph)
            try index.validate()
            let answers = index.search(queries: Self.queries, k: 10, ef: 20, threads: 2)
            #expect(answers.allSatisfy { $0.neighbors.count == 10 })
        }
    }

    @Test("where codes cannot tell rows apart, that is measured, and an ef as long as the rows compares all of them")
    func tooAlike() {
        var random = SeededRandom(seed: 6)
        var values = Matrix(rows: 1300, columns: 80)
        for row in 0..<1300 {
            for column in 0..<80 {
                values.values[row * 80 + column] = Float(column % 7 - 3) + 0.001 * Float(random.uniform())
            }
        }
        let vectors = TestVectors(values, metric: .l2)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let chosen = Recall.smallestEf(for: index, threads: 2)
        #expect(chosen.ef == Recall.ladder.last && chosen.recall < Recall.target)
        let queries = Matrix(rows: 50, columns: 80, values: Array(values.values[..<(50 * 80)]))
        let exact = answers(index, ef: 1300, queries: queries)
        #expect(exact.recall == 1 && exact.methods == [.exact])
    }

    @Test("filters of every size, random and correlated with the query, reach recall@10 of 0.99")
    func filters() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        var random = SeededRandom(seed: 12)
        var methods: Set<SearchReport.Method> = []
        for share in [0.9, 0.5, 0.2, 0.05, 0.001] {
            var filter = Bitmap(count: Self.count)
            for row in 0..<Self.count where random.uniform() < share { filter[row] = true }
            let result = answers(index, ef: 40, keeping: filter)
            #expect(result.recall >= 0.99, "random \(share)")
            methods.formUnion(result.methods)
            // One by one as together.
            var scratch = SearchScratch()
            let dimension = Self.queries.columns
            let alone = (0..<20).map { query in
                index.search(
                    Array(Self.queries.values[query * dimension..<(query + 1) * dimension]), k: 10, ef: 40,
                    keeping: filter, scratch: &scratch)
            }
            #expect(alone == Array(index.search(queries: Self.queries, k: 10, ef: 40, keeping: filter)[..<20]))
        }
        for types in [0..<2, 0..<8, 8..<CellLike.types, 3..<4] {
            var filter = Bitmap(count: Self.count)
            for row in 0..<Self.count where types.contains(Self.cells.types[row]) { filter[row] = true }
            let result = answers(index, ef: 20, keeping: filter)
            #expect(result.recall >= 0.99, "types \(types)")
            methods.formUnion(result.methods)
        }
        #expect(methods == [.graph, .scan, .exact], "each way was taken")
        let nothing = index.search(queries: Self.queries, k: 10, ef: 40, keeping: Bitmap(count: Self.count))
        #expect(nothing.allSatisfy { $0.neighbors.isEmpty })
    }

    @Test("no rows, one, two, and more neighbors asked for than there are", arguments: [0, 1, 2, 30])
    func small(count: Int) throws {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        #expect(graph.count == count && graph.level0Bytes.count == count * 192)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        try index.validate()
        for answer in index.search(queries: Self.queries, k: 50, ef: 10) {
            #expect(answer.neighbors.map(\.row).sorted() == Array(0..<count))
        }
        #expect(Recall.smallestEf(for: index).recall == 1)
    }

    @Test("dimension 1, and others that fill no vector register", arguments: [1, 2, 15, 65, 100])
    func oddDimensions(dimension: Int) throws {
        let cells = CellLike.make(3050, dimension: dimension, seed: 21)
        let queries = Matrix(rows: 50, columns: dimension, values: Array(cells.vectors.values[(3000 * dimension)...]))
        let vectors = TestVectors(cells.vectors, metric: .l2, count: 3000)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        try index.validate()
        #expect(answers(index, ef: 48, queries: queries).recall >= 0.98)
    }

    @Test("identical vectors are all found, in the order of rows, and hide no others")
    func identical() throws {
        var values = Self.cells.vectors
        // Every row from 2,000 to 5,000 is row 7; rows 6,000 to 6,020 are zero.
        for row in 2000..<5000 {
            for d in 0..<Self.dimension {
                values.values[row * Self.dimension + d] = values[row: 7][7 * Self.dimension + d]
            }
        }
        for row in 6000..<6020 { for d in 0..<Self.dimension { values.values[row * Self.dimension + d] = 0 } }
        let vectors = TestVectors(values, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        try index.validate()
        #expect(answers(index, ef: 64).recall >= 0.99)
        var scratch = SearchScratch()
        let seven = Array(values[row: 7])
        let answer = index.search(seven, k: 20, ef: 30, scratch: &scratch)
        #expect(answer.neighbors.map(\.row) == [7] + Array(2000..<2019))
        var filter = Bitmap(count: Self.count, filled: true)
        filter[7] = false
        for row in 2000..<4990 { filter[row] = false }
        let rest = index.search(seven, k: 10, ef: 30, keeping: filter, scratch: &scratch)
        #expect(rest.neighbors.map(\.row) == Array(4990..<5000))
        let many = index.search(seven, k: 3001, ef: 10, scratch: &scratch)
        #expect(many.neighbors.map(\.row) == [7] + Array(2000..<5000))
    }

    @Test("all rows equal, and all rows zero", arguments: [Float(0), 0.5])
    func allEqual(value: Float) throws {
        let values = Matrix(rows: 3000, columns: 10, values: [Float](repeating: value, count: 30000))
        for metric in Metric.allCases {
            let vectors = TestVectors(values, metric: metric)
            let graph = HNSWBuilder(vectors.set).build(threads: 2)
            let index = HNSWIndex(set: vectors.set, graph: graph)
            try index.validate()
            var scratch = SearchScratch()
            let answer = index.search([Float](repeating: 1, count: 10), k: 5, ef: 5, scratch: &scratch)
            #expect(answer.neighbors.map(\.row) == [0, 1, 2, 3, 4])
        }
    }

    @Test("a flat tail is searched exactly; a graph extended by it is usable and the same for any threads")
    func extension_() throws {
        let all = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let part = TestVectors(Self.cells.vectors, metric: .cosine, count: 6000)
        let graph = HNSWBuilder(part.set).build(threads: 2)
        let tailed = HNSWIndex(set: all.set, graph: graph)
        #expect(tailed.graphCount == 6000)
        let before = answers(tailed, ef: 64)
        #expect(before.recall >= 0.99 && before.methods == [.graph])
        let extended = HNSWBuilder(extending: tailed).build(threads: 2)
        let again = HNSWBuilder(extending: tailed).build(threads: 1)
        #expect(extended.count == Self.count && extended.level0Bytes.elementsEqual(again.level0Bytes))
        let index = HNSWIndex(set: all.set, graph: extended)
        try index.validate()
        let after = answers(index, ef: 64)
        #expect(after.recall >= 0.99 && after.methods == [.graph])
    }

    @Test("rows of a tail that are identical to rows of the graph are found with them once it is extended")
    func extensionByIdentical() throws {
        var values = Self.cells.vectors
        for row in 5000..<5040 {
            for d in 0..<Self.dimension {
                values.values[row * Self.dimension + d] = values[row: 9][9 * Self.dimension + d]
            }
        }
        let part = TestVectors(values, metric: .l2, count: 5010)
        let all = TestVectors(values, metric: .l2, count: 6000)
        let graph = HNSWBuilder(part.set).build(threads: 2)
        let extended = HNSWBuilder(extending: HNSWIndex(set: all.set, graph: graph)).build(threads: 2)
        let index = HNSWIndex(set: all.set, graph: extended)
        try index.validate()
        var scratch = SearchScratch()
        let answer = index.search(Array(values[row: 9]), k: 41, ef: 41, scratch: &scratch)
        #expect(answer.report.method == .graph && answer.neighbors.allSatisfy { $0.distance == 0 })
        #expect(answer.neighbors.map(\.row) == [9] + Array(5000..<5040))
    }

    @Test("vectors far from zero, whose differences the codes hardly show, are found with a longer beam")
    func farFromZero() {
        var values = Self.cells.vectors
        for index in values.values.indices { values.values[index] += 12 }
        let vectors = TestVectors(values, metric: .l2, count: 6000)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let queries = Matrix(
            rows: 100, columns: Self.dimension, values: Array(values.values[(Self.count * Self.dimension)...]))
        #expect(answers(index, ef: 120, queries: queries).recall >= 0.9)
    }

    @Test("a damaged graph is found out by validate, and never crashes a search or an extension")
    func damaged() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        var random = SeededRandom(seed: 13)
        for round in 0..<8 {
            let numbers = AlignedBuffer<UInt8>(repeating: 0, count: graph.numberBytes.count)
            for (offset, byte) in graph.numberBytes.enumerated() { numbers.baseAddress[offset] = byte }
            let bytes = AlignedBuffer<UInt8>(repeating: 0, count: graph.level0Bytes.count)
            for (offset, byte) in graph.level0Bytes.enumerated() { bytes.baseAddress[offset] = byte }
            var medoids = graph.medoids
            switch round {
            case 0:
                for offset in 0..<bytes.count { bytes.baseAddress[offset] = UInt8(truncatingIfNeeded: random.next()) }
            case 1: for offset in 0..<bytes.count { bytes.baseAddress[offset] = 0xff }
            case 2: for offset in 0..<bytes.count { bytes.baseAddress[offset] = 0 }
            case 3: medoids = medoids.map { _ in UInt32.random(in: 8000 ... .max, using: &random) }
            case 4: medoids = []
            case 5:
                for offset in 0..<numbers.count {
                    numbers.baseAddress[offset] = UInt8(truncatingIfNeeded: random.next())
                }
            case 6: numbers.baseAddress[8 * 77 + 1] ^= 1
            default: for _ in 0..<40 { bytes.baseAddress[Int(random.next() % UInt64(bytes.count))] ^= 0x40 }
            }
            let rows = BlockRows(
                blocks: [UnsafeRawPointer(bytes.baseAddress)], rowsPerBlock: 8192, stride: 192, count: Self.count)
            let numberRows = BlockRows(
                blocks: [UnsafeRawPointer(numbers.baseAddress)], rowsPerBlock: 8192, stride: 8, count: Self.count)
            let index = HNSWIndex(set: vectors.set, level0: rows, numbers: numberRows, medoids: medoids)
            let fault = #expect(throws: HNSWError.self, "round \(round)") { try index.validate() }
            #expect((fault?.code == .wrongNumber) == (5...6).contains(round))
            var filter = Bitmap(count: Self.count, filled: true)
            filter[3] = false
            for keeping in [nil, filter] {
                for answer in index.search(queries: Self.queries, k: 10, ef: 50, keeping: keeping) {
                    #expect(answer.neighbors.count == 10)
                }
            }
            let shorter = TestVectors(Self.cells.vectors, metric: .cosine, count: 3000)
            let cut = HNSWIndex(set: shorter.set, level0: rows, numbers: numberRows, medoids: medoids)
            let extended = HNSWBuilder(extending: cut).build(threads: 2)
            #expect(extended.count == 3000)
            #expect(throws: Never.self, "round \(round)") {
                try HNSWIndex(set: shorter.set, graph: extended).validate()
            }
            withExtendedLifetime((bytes.count, numbers.count)) {}
        }
    }

    @Test("the chosen ef reaches its recall, and grows with what is asked")
    func chosenEf() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let chosen = Recall.smallestEf(for: index, samples: 100)
        #expect(chosen.recall >= 0.99 && Recall.ladder.contains(chosen.ef))
        #expect(Recall.smallestEf(for: index, target: 2, samples: 20).ef == Recall.ladder.last)
        #expect(Recall.recall([Neighbor(row: 1, distance: 1)], truth: [Neighbor(row: 2, distance: 1)], k: 1) == 1)
        #expect(Recall.recall([Neighbor(row: 1, distance: 2)], truth: [Neighbor(row: 2, distance: 1)], k: 1) == 0)
    }
}
