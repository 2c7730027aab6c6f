/// Scores by their definition, from each gene's differences.
struct ScoreOracle {
    var genes: [UInt32: (score: Double, half: Double)] = [:]
    let correlation: Double

    init(_ all: [UInt32: KnockoutTests.Oracle.Gene]) {
        // Four rounds of alternating means; a cell's counts as if it had two values of 0 more.
        var cellMeans: [Int: Double] = [:]
        var geneMeans: [UInt32: Double] = [:]
        let cells = Set(all.values.flatMap(\.cells))
        for _ in 0..<4 {
            for cell in cells {
                let own = all.compactMap { gene, values in
                    values.cells.firstIndex(of: cell).map { values.differences[$0] - geneMeans[gene, default: 0] }
                }
                cellMeans[cell] = own.reduce(0, +) / Double(own.count + 2)
            }
            for (gene, values) in all {
                let rest = zip(values.cells, values.differences).map { $1 - (cellMeans[$0] ?? 0) }
                geneMeans[gene] = rest.reduce(0, +) / Double(rest.count)
            }
        }
        let groups = all.mapValues { values in
            zip(values.cells, values.differences).map { $1 - (cellMeans[$0] ?? 0) }
        }
        // One-way analysis of variance.
        let n = Double(groups.values.reduce(0) { $0 + $1.count })
        let count = Double(groups.count)
        let grand = groups.values.joined().reduce(0, +) / n
        var (within, between, squares) = (0.0, 0.0, 0.0)
        for (gene, values) in groups {
            let mean = geneMeans[gene] ?? 0
            within += values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            between += Double(values.count) * (mean - grand) * (mean - grand)
            squares += Double(values.count * values.count)
        }
        within /= n - count
        let found = (between / (count - 1) - within) / ((n - squares / n) / (count - 1))
        correlation = max(0, found) / (max(0, found) + within)
        let middle = geneMeans.values.reduce(0, +) / count
        let observed = geneMeans.values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / (count - 1)
        let variance = max(found, 0.05 * observed)
        for (gene, values) in groups {
            let k = Double(values.count)
            let mean = geneMeans[gene] ?? 0
            let own =
                values.count > 1
                ? (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } + 4 * within) / (k + 3) : within
            genes[gene] = (
                mean * variance / (variance + within / k),
                1.96 * (variance * own / k / (variance + own / k)).squareRoot()
            )
        }
    }
}
