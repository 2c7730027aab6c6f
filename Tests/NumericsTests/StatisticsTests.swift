import Numerics
import Testing

/// Expected values are those of scipy 1.17.1: `scipy.stats.ranksums`, `scipy.stats.false_discovery_control`.
@Suite("Statistics")
struct StatisticsTests {
    @Test(
        "the rank-sum test agrees with scipy, ties included",
        arguments: [
            ([1, 2.5, 2.5, 3, 7], [0.5, 2.5, 3, 3, 4, 8, 9], -0.8931977372352652, 0.3717512896455607),
            ([0.5, 2.5, 3, 3, 4, 8, 9], [1, 2.5, 2.5, 3, 7], 0.8931977372352652, 0.3717512896455607),
            ([10, 11, 12], [1, 2, 3, 4], 2.1213203435596424, 0.03389485352468927),
            ([1], [2], -1, 0.31731050786291415),
            ([1, 1, 1], [1, 1], 0, 1),
        ] as [([Double], [Double], Double, Double)])
    func rankSum(sample: [Double], rest: [Double], z: Double, pValue: Double) {
        let result = rankSumTest(sample, against: rest)
        #expect((result.z - z).magnitude < 1e-12 && (result.pValue - pValue).magnitude < 1e-12)
    }

    @Test("an empty side gives z 0 and p 1")
    func emptySides() {
        #expect(rankSumTest([], against: [1]) == (0, 1))
        #expect(rankSumTest([1], against: []) == (0, 1))
    }

    @Test("a shared reference gives what single tests give")
    func reference() {
        var random = SeededRandom(seed: 5)
        let rest = (0..<200).map { _ in (random.normal() * 4).rounded() }
        let reference = RankedReference(rest)
        for size in 1...20 {
            let sample = (0..<size).map { _ in (random.normal() * 4).rounded() + 1 }
            // By counting: the share of pairs that the sample wins, ties half.
            let wins = sample.reduce(0.0) { sum, x in
                sum + rest.reduce(0.0) { $0 + (x > $1 ? 1 : x == $1 ? 0.5 : 0) }
            }
            let (m, n) = (Double(size), Double(rest.count))
            let z = (wins - m * n / 2) / (m * n * (m + n + 1) / 12).squareRoot()
            #expect((reference.test(sample).z - z).magnitude < 1e-10)
        }
    }

    @Test("false discovery rates agree with scipy, and a NaN counts as 1")
    func falseDiscovery() {
        let rates = benjaminiHochberg([0.01, 0.04, 0.03, 0.005, 0.5, 0.9, 0.04])
        let expected = [0.035, 0.056, 0.056, 0.035, 0.5833333333333334, 0.9, 0.056]
        for (rate, value) in zip(rates, expected) { #expect((rate - value).magnitude < 1e-12) }
        #expect(benjaminiHochberg([]) == [])
        let withNaN = benjaminiHochberg([0.02, .nan])
        #expect(withNaN == [0.04, 1])
    }

    @Test("Spearman's correlation agrees with scipy, ties included")
    func spearman() throws {
        // scipy.stats.spearmanr
        let known = try #require(spearmanCorrelation([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]))
        #expect(abs(known - 0.8207826816681233) < 1e-12)
        let found = try #require(spearmanCorrelation([3, 1, 2, 2, 9, -1], [0, 0, 5, 1, 4, -3]))
        #expect(abs(found - 0.5882352941176471) < 1e-12)
        #expect(spearmanCorrelation([1, 2], [1, 2]) == nil)
        #expect(spearmanCorrelation([1, 1, 1], [1, 2, 3]) == nil)
    }

    @Test("the normal distribution's cumulative agrees with scipy")
    func normal() {
        // scipy.stats.norm.cdf
        for (x, p) in [(0, 0.5), (-1.96, 0.024997895148220435), (1, 0.8413447460685429), (-6, 9.865876450376946e-10)] {
            #expect(abs(normalCumulative(x) / p - 1) < 1e-12)
        }
    }
}
