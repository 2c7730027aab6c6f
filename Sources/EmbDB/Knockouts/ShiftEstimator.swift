internal import Numerics

/// Means of a statistic over the start cells that have a gene, from estimates of all genes, or of those of some cells, and from
/// measurements of some pairs.
///
/// A mean is that of the estimates, times the slope b of measured against estimated values, and the mean of what
/// is left, r = measured − b estimated: that of few measured pairs, drawn towards that of all genes as far as genes differ in it less than
/// their cells do. Where there is no estimate, the means of the measured pairs stand alone, with ``GenePrior`` beside them.
struct ShiftEstimator {
    private let pairs: CellGenePairs
    private let statistic: ShiftStatistic
    private let usesEstimates: Bool
    private let prior: GenePrior
    /// Of the estimates.
    private let fit: TwoWayFit
    private let estimatedPairs: [Int]
    /// What stands for all genes that are not to be ranked, in fits.
    private let otherGenes: Int

    init(
        _ pairs: CellGenePairs, _ table: ShiftTable, _ statistic: ShiftStatistic, usesEstimates: Bool, prior: GenePrior
    ) {
        self.pairs = pairs
        self.statistic = statistic
        self.usesEstimates = usesEstimates
        self.prior = prior
        otherGenes = pairs.tokens.count
        estimatedPairs = usesEstimates ? (0..<pairs.count).filter(table.isEstimated) : []
        let other = otherGenes
        fit = TwoWayFit(
            estimatedPairs, cells: pairs.cells.count, labels: other + 1, cell: pairs.cell,
            label: { pairs.isWanted[pairs.gene[$0]] ? pairs.gene[$0] : other },
            value: { table.estimated($0, statistic) })
    }

    /// The slope of measured against estimated values, the cells' means taken off, with its standard error; and their rank
    /// correlation.
    func agreement(_ table: ShiftTable) -> Agreement {
        let both = table.measuredPairs.sorted().filter(table.isEstimated)
        let estimated = both.map { table.estimated($0, statistic) - fit.cellMeans[pairs.cell[$0]] }
        let measured = both.map { table.measured($0, statistic) - fit.cellMeans[pairs.cell[$0]] }
        let middle = (
            estimated.reduce(0, +) / Double(max(1, both.count)), measured.reduce(0, +) / Double(max(1, both.count))
        )
        let squares = estimated.reduce(0) { $0 + ($1 - middle.0) * ($1 - middle.0) }
        let products = zip(estimated, measured).reduce(0) { $0 + ($1.0 - middle.0) * ($1.1 - middle.1) }
        let slope = squares > 0 ? products / squares : 1
        let rest = zip(estimated, measured).reduce(0) {
            let error = $1.1 - middle.1 - slope * ($1.0 - middle.0)
            return $0 + error * error
        }
        let error = squares > 0 && both.count > 2 ? (rest / Double(both.count - 2) / squares).squareRoot() : 0
        return Agreement(
            pairs: both.count, slope: slope, error: error, spearman: spearmanCorrelation(estimated, measured))
    }

    struct Agreement {
        let pairs: Int
        let slope: Double
        let error: Double
        let spearman: Double?

        /// Whether estimates are good enough: a rank correlation from 0.7, and a slope that may be one from 0.8 to 1.2.
        var isGood: Bool {
            pairs >= 16 && spearman ?? 0 >= 0.7 && slope + 2 * error >= 0.8 && slope - 2 * error <= 1.2
        }
    }

    func estimates(_ table: ShiftTable) -> GeneEstimates {
        usesEstimates ? corrected(table) : measuredAlone(table)
    }

    // MARK: With estimates

    private func corrected(_ table: ShiftTable) -> GeneEstimates {
        let slope = min(max(agreement(table).slope, 0), 1.5)
        var values = [Double](repeating: .nan, count: pairs.count)
        for pair in estimatedPairs {
            values[pair] = slope * (table.estimated(pair, statistic) - fit.cellMeans[pairs.cell[pair]])
        }
        var (means, variances) = means(values, isWhole: estimatedPairs.count == pairs.count)
        let rest = residuals(table, slope)
        for gene in means.indices {
            means[gene] += rest.means[gene]
            variances[gene] += rest.variances[gene]
        }
        var levels = fit.cellMeans.map { slope * $0 }
        for cell in levels.indices { levels[cell] += rest.cellMeans[cell] }
        for pair in table.measuredPairs {
            values[pair] = table.measured(pair, statistic) - levels[pairs.cell[pair]]
        }
        return finished(means, variances, values, levels, known: Set(table.estimatedCells))
    }

    /// Means of the values that are there, or what ``GenePrior`` makes of them.
    private func means(_ values: [Double], isWhole: Bool) -> (means: [Double], variances: [Double]) {
        let groups = GeneEstimates.observations(pairs, values, byUnit: statistic.removesCellMeans)
            .map { $0.map(\.value) }
        if isWhole {
            return (
                groups.map { $0.isEmpty ? 0 : $0.reduce(0, +) / Double($0.count) },
                Array(repeating: 0, count: groups.count)
            )
        }
        let components = VarianceComponents(groups)
        return prior.posterior(
            groups.enumerated().map { gene, group in
                guard !group.isEmpty else { return nil }
                let all = Double(statistic.removesCellMeans ? pairs.unitsOfGene[gene] : pairs.ofGene[gene].count)
                let error = components.within / Double(group.count) * (1 - Double(group.count) / all)
                return (group.reduce(0, +) / Double(group.count), max(0, error))
            })
    }

    /// Means of measured − slope × estimated, from the pairs that are both.
    private func residuals(
        _ table: ShiftTable, _ slope: Double
    ) -> (means: [Double], variances: [Double], cellMeans: [Double]) {
        let both = table.measuredPairs.sorted().filter(table.isEstimated)
        func residual(_ pair: Int) -> Double {
            table.measured(pair, statistic) - slope * table.estimated(pair, statistic)
        }
        let fit = TwoWayFit(
            both, cells: pairs.cells.count, labels: pairs.tokens.count, cell: pairs.cell, label: { pairs.gene[$0] },
            value: residual)
        var groups = [[Double]](repeating: [], count: pairs.tokens.count)
        for pair in both { groups[pairs.gene[pair]].append(residual(pair) - fit.cellMeans[pairs.cell[pair]]) }
        let components = VarianceComponents(groups)
        let all = groups.joined()
        let middle = all.isEmpty ? 0 : all.reduce(0, +) / Double(all.count)
        var means = [Double](repeating: middle, count: groups.count)
        var variances = means
        for (gene, group) in groups.enumerated() {
            let cells = Double(pairs.ofGene[gene].count)
            // Of the mean over the gene's own cells.
            let before = components.between + components.within / cells
            variances[gene] = before
            guard !group.isEmpty else { continue }
            let count = Double(group.count)
            let error = components.within(group) / count * (1 - count / cells)
            let mean = group.reduce(0, +) / count
            let trust = before > 0 ? before / (before + error) : 1
            means[gene] = middle + trust * (mean - middle)
            variances[gene] = error * trust
        }
        return (means, variances, fit.cellMeans)
    }

    // MARK: Without

    private func measuredAlone(_ table: ShiftTable) -> GeneEstimates {
        let measured = table.measuredPairs.sorted()
        let other = otherGenes
        let fit = TwoWayFit(
            measured, cells: pairs.cells.count, labels: other + 1, cell: pairs.cell,
            label: { pairs.isWanted[pairs.gene[$0]] ? pairs.gene[$0] : other },
            value: { table.measured($0, statistic) })
        var values = [Double](repeating: .nan, count: pairs.count)
        for pair in measured { values[pair] = table.measured(pair, statistic) - fit.cellMeans[pairs.cell[pair]] }
        let (means, variances) = means(values, isWhole: measured.count == pairs.count)
        return finished(
            means, variances, values, fit.cellMeans, known: Set(measured.map { pairs.cell[$0] }))
    }

    // MARK: Both

    /// Gives the cells' means back to statistics that have them.
    private func finished(
        _ means: [Double], _ variances: [Double], _ values: [Double], _ levels: [Double], known: Set<Int>
    ) -> GeneEstimates {
        var result = GeneEstimates(means: means, deviations: variances.map { max(0, $0).squareRoot() }, values: values)
        guard !statistic.removesCellMeans else { return result }
        let middle = known.isEmpty ? 0 : known.sorted().reduce(0) { $0 + levels[$1] } / Double(known.count)
        for (gene, own) in pairs.ofGene.enumerated() {
            let cells = own.map { pairs.cell[$0] }.filter(known.contains)
            result.means[gene] +=
                cells.isEmpty ? middle : cells.reduce(0) { $0 + levels[$1] } / Double(cells.count)
        }
        for pair in result.values.indices { result.values[pair] += levels[pairs.cell[pair]] }
        return result
    }
}
