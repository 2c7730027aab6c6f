import Numerics
import Testing

@Suite("Seeded random numbers")
struct SeededRandomTests {
    @Test("seed 42 gives the numbers of the published algorithms")
    func known() {
        var random = SeededRandom(seed: 42)
        #expect(
            (0..<4).map { _ in random.next() } == [
                1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009,
                17_057_574_109_182_124_193,
            ])
    }

    @Test("uniform numbers fill [0, 1) evenly, normal ones have mean 0, variance 1 and normal tails")
    func distributions() {
        var random = SeededRandom(seed: 6)
        let count = 100_000
        var bins = [Int](repeating: 0, count: 10)
        for _ in 0..<count { bins[Int(random.uniform() * 10)] += 1 }
        for bin in bins { #expect((bin - count / 10).magnitude < 500) }
        let normals = (0..<count).map { _ in random.normal() }
        let mean = normals.reduce(0, +) / Double(count)
        let variance = normals.reduce(0) { $0 + $1 * $1 } / Double(count) - mean * mean
        #expect(mean.magnitude < 0.015 && (variance - 1).magnitude < 0.02)
        let beyond = Double(normals.count { $0.magnitude > 2 }) / Double(count)
        #expect((beyond - 0.0455).magnitude < 0.003)
        #expect(normals.allSatisfy { $0.isFinite })
    }

    @Test("a sample is ascending, without repeats, of the size asked for, and fair")
    func sample() {
        var random = SeededRandom(seed: 7)
        #expect(random.sample(5, of: 3) == [0, 1, 2] && random.sample(0, of: 3) == [] && random.sample(2, of: 0) == [])
        var hits = [Int](repeating: 0, count: 20)
        for _ in 0..<4000 {
            let sample = random.sample(5, of: 20)
            #expect(sample.count == 5 && zip(sample, sample.dropFirst()).allSatisfy { $0 < $1 })
            for row in sample { hits[row] += 1 }
        }
        for hit in hits { #expect((hit - 1000).magnitude < 150) }
    }

    @Test("a permutation has every number once, and all orders come as often")
    func permutations() {
        var random = SeededRandom(seed: 5)
        #expect(random.permutation(0).isEmpty && random.permutation(1) == [0])
        #expect(random.permutation(100).sorted() == Array(0..<100))
        var counts: [[Int]: Int] = [:]
        for _ in 0..<24_000 { counts[random.permutation(4), default: 0] += 1 }
        #expect(counts.count == 24)
        // Five standard deviations of a count of 1,000.
        #expect(counts.values.allSatisfy { abs($0 - 1_000) < 160 })
    }
}
