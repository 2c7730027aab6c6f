/// How much genes differ, and how much a gene differs between its observations: one-way analysis of variance with random
/// effects, by the method of moments (Searle, Casella and McCulloch 1992, section 3.6).
struct VarianceComponents {
    /// Of genes' true means; at least ``floor`` of the variance of their observed ones.
    let between: Double
    /// Of one observation around its gene's mean.
    let within: Double
    /// Share of an observation's variance that the gene explains, without the floor: the intraclass correlation, at
    /// least 0. nil where nothing varies, or nothing was observed twice.
    let intraclassCorrelation: Double?

    private static let floor = 0.05

    /// - Parameter groups: a gene's observations.
    init(_ groups: [[Double]]) {
        let groups = groups.filter { !$0.isEmpty }
        let counts = groups.map { Double($0.count) }
        let total = counts.reduce(0, +)
        let means = groups.map { $0.reduce(0, +) / Double($0.count) }
        let degrees = total - Double(groups.count)
        guard groups.count > 1 else {
            (between, within, intraclassCorrelation) = (0, 0, nil)
            return
        }
        let middle = means.reduce(0, +) / Double(means.count)
        let observed = means.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(means.count - 1)
        guard degrees > 0 else {
            // One observation each: what of it is the gene's cannot be told, so nearly nothing is believed.
            (between, within, intraclassCorrelation) = (Self.floor * observed, observed, nil)
            return
        }
        let grand = zip(counts, means).reduce(0) { $0 + $1.0 * $1.1 } / total
        let squaresWithin = zip(groups, means).reduce(0) { sum, group in
            group.0.reduce(sum) { $0 + ($1 - group.1) * ($1 - group.1) }
        }
        let squaresBetween = zip(counts, means).reduce(0) { $0 + $1.0 * ($1.1 - grand) * ($1.1 - grand) }
        within = squaresWithin / degrees
        let size = (total - counts.reduce(0) { $0 + $1 * $1 } / total) / Double(groups.count - 1)
        let found = (squaresBetween / Double(groups.count - 1) - within) / size
        between = max(found, Self.floor * observed)
        intraclassCorrelation = within > 0 || found > 0 ? max(0, found) / (max(0, found) + within) : nil
    }

    /// How much of the mean of `count` observations is to be believed.
    func trust(_ count: Double) -> Double {
        between > 0 ? between / (between + within / max(count, 1)) : within > 0 ? 0 : 1
    }

    /// The variance of a gene's observations, drawn towards that of all genes as if there were four more of these.
    func within(_ observations: [Double]) -> Double {
        guard observations.count > 1 else { return within }
        let mean = observations.reduce(0, +) / Double(observations.count)
        let squares = observations.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares + 4 * within) / Double(observations.count + 3)
    }
}
