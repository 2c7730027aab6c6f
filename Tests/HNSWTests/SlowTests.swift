import Foundation
import HNSW
import Numerics
import Testing

/// 100,000 cell-like vectors; run by `EMBDB_SLOW_TESTS=1 swift test -c release --filter SlowTests`.
@Suite("100,000 x 256", .serialized)
struct SlowTests {
    @Test(
        "recall@10 of 0.99 is reached for all rows and for random and correlated filters; builds are the same bytes",
        .enabled(
            if: ProcessInfo.processInfo.environment["EMBDB_SLOW_TESTS"] != nil, "skipped: EMBDB_SLOW_TESTS is not set"))
    func hundredThousand() throws {
        let clock = ContinuousClock()
        let count = 100_000
        let cells = CellLike.make(count + 300, dimension: 256, seed: 7)
        let vectors = TestVectors(cells.vectors, metric: .cosine, count: count, rowsPerBlock: 1024)
        let queries = Matrix(
            rows: 300, columns: 256, values: Array(cells.vectors.values[(count * 256)...]))
        var start = clock.now
        let graph = HNSWBuilder(vectors.set).build(threads: 2)
        print("build, 2 threads: \(clock.now - start)")
        start = clock.now
        let again = HNSWBuilder(vectors.set).build(threads: 1)
        print("build, 1 thread: \(clock.now - start)")
        #expect(graph.level0Bytes.elementsEqual(again.level0Bytes) && graph.medoids == again.medoids)
        let index = HNSWIndex(set: vectors.set, graph: graph)
        try index.validate()
        var random = SeededRandom(seed: 3)
        var filters: [(String, Bitmap?)] = [("all", nil)]
        for share in [0.5, 0.05, 0.001] {
            var random50 = Bitmap(count: count)
            for row in 0..<count where random.uniform() < share { random50[row] = true }
            filters.append(("random \(share)", random50))
        }
        // Whole types: large ones for a half, a middle one, and part of a small one.
        var half = Bitmap(count: count)
        var type = 0
        while half.population < count / 2 {
            for row in 0..<count where cells.types[row] == type { half[row] = true }
            type += 1
        }
        var other = half
        other.invert()
        var one = Bitmap(count: count)
        for row in 0..<count where cells.types[row] == 4 { one[row] = true }
        var few = Bitmap(count: count)
        for row in 0..<count where cells.types[row] == CellLike.types - 1 && few.population < count / 1000 {
            few[row] = true
        }
        filters += [("types 0.5", half), ("other types", other), ("one type", one), ("100 of one type", few)]
        start = clock.now
        let chosen = Recall.smallestEf(for: index, threads: 2)
        print("smallest ef: \(chosen) in \(clock.now - start)")
        for (name, filter) in filters {
            let truth = ExactSearch.search(vectors.set, queries: queries, k: 10, keeping: filter)
            var best = 0.0
            for ef in [10, 16, 24, 32, 48, 64, 96] {
                start = clock.now
                var answers: [SearchResult] = []
                for _ in 0..<3 {
                    answers = index.search(queries: queries, k: 10, ef: ef, keeping: filter, threads: 1)
                }
                let seconds = (clock.now - start) / 3
                let recall = Recall.mean(answers.map(\.neighbors), truth: truth, k: 10)
                best = max(best, recall)
                let rate = Int(
                    300 / (Double(seconds.components.attoseconds) * 1e-18 + Double(seconds.components.seconds)))
                let work = answers.reduce(0) { $0 + $1.report.candidates } / answers.count
                let scans = answers.count { $0.report.method != .graph }
                print(
                    "\(name) (\(filter?.population ?? count)) ef \(ef): recall \(recall), \(rate) q/s, "
                        + "\(work) distances, \(scans) of 300 scanned")
            }
            #expect(best >= 0.99, "\(name)")
        }
    }
}
