internal import Numerics

/// What is known of a statistic's mean over the start cells that have a gene.
struct GeneEstimates {
    /// By gene.
    var means: [Double]
    /// By how much the mean over the same cells, all measured, may differ: standard deviations.
    var deviations: [Double]
    /// By pair, the statistic where it is known, without the cell's mean if the statistic removes it; NaN elsewhere.
    var values: [Double]

    /// How many of the best `count` of some genes would be among the best if all were measured: a share.
    func expectedOverlap(_ genes: [Int], best count: Int, weight: (Int) -> Double) -> Double {
        guard count > 0, genes.count > count else { return 1 }
        let sorted = genes.map { (mean: means[$0] * weight($0), deviation: deviations[$0] * weight($0)) }
            .sorted { $0.mean > $1.mean }
        let boundary = (sorted[count - 1].mean + sorted[count].mean) / 2
        let lost = sorted[..<count].reduce(0) {
            $0 + normalCumulative((boundary - $1.mean) / max($1.deviation, 1e-300))
        }
        return 1 - lost / Double(count)
    }

    /// A gene's observations: its known values, or the means of these over each donor's cells, where donors were named.
    func observations(_ pairs: CellGenePairs) -> [[(unit: Int, value: Double)]] {
        Self.observations(pairs, values, byUnit: true)
    }

    /// - Parameter byUnit: otherwise every cell is one.
    static func observations(
        _ pairs: CellGenePairs, _ values: [Double], byUnit: Bool
    ) -> [[(unit: Int, value: Double)]] {
        pairs.ofGene.map { own in
            var sums: [(unit: Int, sum: Double, count: Double)] = []
            var places: [Int: Int] = [:]
            for pair in own where !values[pair].isNaN {
                let cell = pairs.cell[pair]
                let unit = byUnit ? pairs.cells[cell].unit : cell
                if let place = places[unit] {
                    sums[place].sum += values[pair]
                    sums[place].count += 1
                } else {
                    places[unit] = sums.count
                    sums.append((unit, values[pair], 1))
                }
            }
            return sums.map { ($0.unit, $0.sum / $0.count) }
        }
    }
}
