/// Two-sided Wilcoxon rank-sum test by the normal approximation, with mid-ranks for ties and neither a tie nor a
/// continuity correction, as `scipy.stats.ranksums` has it.
///
/// - Returns: z (positive where `sample` ranks higher) and the p value; (0, 1) where one side is empty.
/// - Complexity: O(*n* log *n*) in all values.
package func rankSumTest(_ sample: [Double], against rest: [Double]) -> (z: Double, pValue: Double) {
    RankedReference(rest).test(sample)
}

/// A reference distribution that many samples are tested against; sorted once.
package struct RankedReference: Sendable {
    private let sorted: [Double]

    /// Sorts `values`. O(*n* log *n*).
    package init(_ values: [Double]) { sorted = values.sorted() }

    /// ``rankSumTest(_:against:)`` of `sample` against this reference. O(*m* log *n*) for a sample of *m*.
    package func test(_ sample: [Double]) -> (z: Double, pValue: Double) {
        let m = sample.count
        let n = sorted.count
        guard m > 0, n > 0 else { return (0, 1) }
        let own = sample.sorted()
        var rankSum = 0.0
        var start = 0
        while start < m {
            var end = start
            while end < m, own[end] == own[start] { end += 1 }
            let below = lowerBound(own[start])
            let equal = upperBound(own[start]) - below
            // Mid-rank of a run of ties: those below, plus half of the run and a half.
            let run = Double(equal + end - start)
            rankSum += Double(end - start) * (Double(below + start) + (run + 1) / 2)
            start = end
        }
        let expected = Double(m) * Double(m + n + 1) / 2
        let deviation = (Double(m) * Double(n) * Double(m + n + 1) / 12).squareRoot()
        let z = (rankSum - expected) / deviation
        return (z, complementaryErrorFunction(z.magnitude / 2.0.squareRoot()))
    }

    private func lowerBound(_ value: Double) -> Int { partition { $0 < value } }
    private func upperBound(_ value: Double) -> Int { partition { $0 <= value } }

    private func partition(_ isBelow: (Double) -> Bool) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if isBelow(sorted[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// False discovery rates of p values (Benjamini and Hochberg 1995), in the order of the input. NaN counts as 1.
package func benjaminiHochberg(_ pValues: [Double]) -> [Double] {
    let p = pValues.map { $0.isNaN ? 1 : $0 }
    let order = p.indices.sorted { (p[$0], $0) < (p[$1], $1) }
    var rates = [Double](repeating: 1, count: p.count)
    var smallest = 1.0
    for (position, index) in order.enumerated().reversed() {
        smallest = min(smallest, p[index] * Double(p.count) / Double(position + 1))
        rates[index] = smallest
    }
    return rates
}

/// Spearman's rank correlation, with mid-ranks for ties; nil for fewer than three pairs, or where one side is constant.
/// O(*n* log *n*).
package func spearmanCorrelation(_ x: [Double], _ y: [Double]) -> Double? {
    precondition(x.count == y.count, "pairs")
    guard x.count > 2 else { return nil }
    let (a, b) = (midRanks(x), midRanks(y))
    let middle = Double(x.count + 1) / 2
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (p, q) in zip(a, b) {
        ab += (p - middle) * (q - middle)
        aa += (p - middle) * (p - middle)
        bb += (q - middle) * (q - middle)
    }
    return aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : nil
}

/// Ranks from 1; equal values share the mean of theirs.
private func midRanks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
        var end = start
        while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
        for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
        start = end
    }
    return ranks
}

/// P(X < x) of the standard normal distribution.
package func normalCumulative(_ x: Double) -> Double { complementaryErrorFunction(-x / 2.0.squareRoot()) / 2 }
