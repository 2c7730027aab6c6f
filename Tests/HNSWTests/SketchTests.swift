import HNSW
import Numerics
import Testing

@Suite("Sketches")
struct SketchTests {
    private static let count = 6000
    private static let dimension = 160
    private static let cells = CellLike.make(count + 100, dimension: dimension, seed: 5)
    private static let queries = Matrix(
        rows: 100, columns: dimension, values: Array(cells.vectors.values[(count * dimension)...]))
    /// Without structure: a sketch shows little of a distance.
    private static let noise: Matrix = {
        var random = SeededRandom(seed: 3)
        return Matrix(
            rows: count, columns: dimension, values: (0..<count * dimension).map { _ in Float(random.normal()) })
    }()

    private func recall(_ index: HNSWIndex, _ queries: Matrix, ef: Int) -> Double {
        let truth = ExactSearch.search(index.set, queries: queries, k: 10)
        return Recall.mean(
            index.search(queries: queries, k: 10, ef: ef, threads: 2).map(\.neighbors), truth: truth, k: 10)
    }

    @Test("long vectors have sketches, short ones and inner products none")
    func who() {
        for metric in Metric.allCases {
            let vectors = TestVectors(Self.cells.vectors, metric: metric, count: 1500)
            let graph = HNSWBuilder(vectors.set).build(threads: 2)
            let (basis, bytes) = (graph.basis, graph.sketchBytes.count)
            #expect((basis != nil) == (metric != .ip))
            #expect(bytes == (metric == .ip ? 0 : 1500 * SketchBasis.stride))
        }
        let short = CellLike.make(1500, dimension: 64, seed: 5)
        let vectors = TestVectors(short.vectors, metric: .cosine, count: 1500)
        let basis = HNSWBuilder(vectors.set).build(threads: 2).basis
        #expect(basis == nil)
    }

    @Test("sketches of embeddings are faithful, those of noise are not; both lead to the nearest rows")
    func faithful() {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let isFaithful = graph.basis?.isFaithful
        #expect(isFaithful == true)
        #expect(recall(HNSWIndex(set: vectors.set, graph: graph), Self.queries, ef: 48) >= 0.99)

        let noise = TestVectors(Self.noise, metric: .cosine, count: Self.count)
        let rough = HNSWBuilder(noise.set).build(threads: 2)
        let isRough = rough.basis?.isFaithful == false
        #expect(isRough)
        let queries = Matrix(
            rows: 50, columns: Self.dimension, values: Array(Self.noise.values[..<(50 * Self.dimension)]))
        let sketched = HNSWIndex(set: noise.set, graph: rough)
        let plain = HNSWIndex(
            set: noise.set, level0: rough.level0Rows, numbers: rough.numberRows, medoids: rough.medoids)
        let (with, without) = (recall(sketched, queries, ef: 256), recall(plain, queries, ef: 256))
        #expect(without > 0.7 && with > without - 0.03, "\(with) \(without)")
    }

    @Test("an ef of k is enough for many neighbors", arguments: [20, 100, 300])
    func manyNeighbors(k: Int) {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let truth = ExactSearch.search(index.set, queries: Self.queries, k: k)
        let found = index.search(queries: Self.queries, k: k, ef: k, threads: 2)
        #expect(Recall.mean(found.map(\.neighbors), truth: truth, k: k) >= 0.98)
    }

    @Test("many queries at once are answered as one by one", arguments: [1, 2, 3])
    func batches(threads: Int) {
        let vectors = TestVectors(Self.cells.vectors, metric: .l2, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        let together = index.search(queries: Self.queries, k: 7, ef: 24, threads: threads)
        var scratch = SearchScratch()
        for query in 0..<Self.queries.rows {
            let alone = index.search(Array(Self.queries[row: query]), k: 7, ef: 24, scratch: &scratch)
            #expect(together[query] == alone)
        }
    }

    @Test("a stored basis reads back the same; a damaged one is refused")
    func bytes() throws {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: 1500)
        let stored = HNSWBuilder(vectors.set).build(threads: 2).basis
        let basis = try #require(stored)
        #expect(SketchBasis(bytes: basis.bytes, dimension: Self.dimension) == basis)
        #expect(SketchBasis(bytes: basis.bytes, dimension: Self.dimension + 64) == nil)
        #expect(SketchBasis(bytes: Array(basis.bytes.dropLast()), dimension: Self.dimension) == nil)
        #expect(SketchBasis(bytes: [], dimension: Self.dimension) == nil)
        var flawed = basis.bytes
        flawed[0] = 2
        #expect(SketchBasis(bytes: flawed, dimension: Self.dimension) == nil)
        flawed = basis.bytes
        for byte in 4..<8 { flawed[byte] = 0xFF }
        #expect(SketchBasis(bytes: flawed, dimension: Self.dimension) == nil)
    }

    @Test("damaged sketches are found by validate, and cost recall, never a crash")
    func damaged() throws {
        let vectors = TestVectors(Self.cells.vectors, metric: .cosine, count: Self.count)
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        let stored = graph.basis
        let basis = try #require(stored)
        try HNSWIndex(set: vectors.set, graph: graph).validate()
        var random = SeededRandom(seed: 9)
        var table = Array(graph.sketchBytes)
        table[64 * 77 + 3] ^= 1
        table.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let index = HNSWIndex(
                set: vectors.set, level0: graph.level0Rows, numbers: graph.numberRows, medoids: graph.medoids,
                sketches: Sketches(basis: basis, table: base, count: Self.count))
            let found = #expect(throws: HNSWError.self) { try index.validate() }
            #expect(found?.code == .wrongSketch && found?.row == 77)
        }
        for byte in table.indices { table[byte] = UInt8(truncatingIfNeeded: random.next()) }
        table.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let index = HNSWIndex(
                set: vectors.set, level0: graph.level0Rows, numbers: graph.numberRows, medoids: graph.medoids,
                sketches: Sketches(basis: basis, table: base, count: Self.count))
            for answer in index.search(queries: Self.queries, k: 10, ef: 64, threads: 2) {
                #expect(answer.neighbors.count == 10)
                #expect(answer.neighbors.allSatisfy { $0.row < Self.count && $0.distance.isFinite })
            }
            // Fewer sketches than nodes are no use.
            let short = HNSWIndex(
                set: vectors.set, level0: graph.level0Rows, numbers: graph.numberRows, medoids: graph.medoids,
                sketches: Sketches(basis: basis, table: base, count: Self.count - 1))
            #expect(recall(short, Self.queries, ef: 48) > 0.95)
        }
    }
}
