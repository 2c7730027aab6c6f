internal import AnnData
internal import Foundation
internal import HNSW
internal import LMDBStore
internal import Numerics

/// Ranks perturbations that were made in the laboratory, by the cells that they were made in, against the control cells of the same state.
struct ObservedRun {
    private let column: LabelColumn
    private let control: Int32
    private let snapshot: Snapshot
    private let options: KnockoutOptions
    private let start: StartCells
    private let states: KnockoutStates
    private let path: String
    private let begin = Date()

    /// What people call cells that nothing was done to.
    private static let controls = ["control", "ctrl", "nt", "non-targeting"]

    init(
        _ name: String, _ snapshot: Snapshot, _ options: KnockoutOptions, _ start: StartCells,
        _ states: KnockoutStates, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.snapshot = snapshot
        self.options = options
        self.start = start
        self.states = states
        self.path = path
        let column = try LabelColumn(name, option: "--observed", snapshot, path: path, in: transaction)
        self.column = column
        let names = options.control.map { [$0] } ?? Self.controls
        let found = names.lazy.compactMap { name in
            column.labels.firstIndex { options.control == nil ? $0.lowercased() == name : $0 == name }
        }.first
        guard let found else {
            let asked = options.control ?? ""
            let near = asked.isEmpty ? [] : nearestNames(to: asked, in: column.labels)
            throw EmbDBError(
                .usage,
                (asked.isEmpty
                    ? "no cell has a \(name) of control, ctrl, NT or non-targeting" : "no cell has a \(name) \(asked)")
                    + " (\(path)): "
                    + (near.isEmpty
                        ? "name the control by --control, of " + column.labels.prefix(10).joined(separator: ", ")
                        : "did you mean \(near.joined(separator: " or "))?"))
        }
        control = Int32(found)
        guard start.rows.contains(where: { column.codes[$0] == Int32(found) }) else {
            throw EmbDBError(
                .nothingFound,
                "none of the \(start.rows.count) --from cells has the \(name) \(column.labels[found]): there is nothing to compare "
                    + "with")
        }
    }

    /// A start cell with a label.
    private struct Cell {
        let row: Int
        let unit: Int
        let label: Int32
        /// Cosines to the directions, and the share of goal cells among its neighbors behind them.
        let values: [Double]
    }

    func ranking(control: Control, in transaction: borrowing ReadTransaction) throws -> KnockoutRanking {
        let cells = measured()
        let controls = cells.filter { $0.label == self.control }
        let others = cells.filter { $0.label != self.control }
        guard !others.isEmpty else {
            throw EmbDBError(
                .nothingFound,
                "all \(controls.count) --from cells with a \(column.name) are \(column.labels[Int(self.control)]): there is "
                    + "nothing to rank, select others too")
        }
        let pairs = CellGenePairs(
            others.map { .init(row: $0.row, tokens: [], unit: start.donors == nil ? $0.row : $0.unit) },
            genes: others.map { [(token: UInt32($0.label), position: 0)] }, wanted: nil)
        let estimates = estimates(pairs, others, controls)
        let scored = ScoredGenes(pairs, estimates, minimumCells: options.minimumCells, areNamed: true)
        let imagination = try ImaginedDeletions(
            of: column.labels, snapshot, options, inCells: controls.map(\.row), from: start.rows, states, path: path,
            control: control, in: transaction)
        let rows = rows(scored, others, controls, imagination)
        var ranked = rows.ranked
        let baseline = KnockoutRows.compare(&ranked, with: options.baseline, best: scored.best)
        let half = scored.halfSplitOverlap(seed: options.seed)
        return KnockoutRanking(
            model: imagination.model, observed: column.name, donors: start.donors, baseline: baseline,
            fromCells: start.rows.count, toCells: states.to.population, mode: .delete,
            seconds: Date().timeIntervalSince(begin), forwards: imagination.forwards,
            forwardsOfExactRun: imagination.forwards, isPartial: control.isCancelled(),
            reliability: .init(
                best: scored.best, halfSplitOverlap: half, chance: scored.chance,
                intraclassCorrelation: scored.components.intraclassCorrelation,
                predictedOverlap: scored.chance.map { _ in 1 }, pilotSpearman: nil, pilotSlope: nil,
                pilotPairs: nil, usesEstimates: false,
                isSupported: scored.isSupported(states.separation, halfSplitOverlap: half, ofObserved: true),
                cellsNeeded: scored.cellsNeeded, stateSeparation: states.separation.accuracy,
                statesDiffer: states.separation.isPlain, minimumCells: scored.minimumCells,
                positionCorrelation: nil,
                expressionCorrelation: KnockoutRows.correlation(ranked, \.expressionDifference)),
            ranking: ranked, rare: rows.rare, unknown: 0)
    }

    // MARK: Cells

    private func measured() -> [Cell] {
        let labelled = start.rows.indices.filter { column.codes[start.rows[$0]] >= 0 }
        let vectors = labelled.flatMap { StoredVectors.vector(snapshot.set, row: start.rows[$0]) }
        let matrix = Matrix(rows: labelled.count, columns: snapshot.set.dimension, values: vectors)
        let shares = states.goalShares(matrix) { start.rows[labelled[$0]] }
        return labelled.enumerated().map { place, index in
            let row = start.rows[index]
            return Cell(
                row: row, unit: start.units[index], label: column.codes[row],
                values: states.cosines(matrix[row: place]) + [shares[place]])
        }
    }

    /// cos(goal) − cos(start) of each cell less the mean of the control cells, of the same donor if it has any.
    private func estimates(_ pairs: CellGenePairs, _ others: [Cell], _ controls: [Cell]) -> GeneEstimates {
        func difference(_ cell: Cell) -> Double { ShiftStatistic.difference.value { cell.values[$0] } }
        let all = controls.map(difference)
        var ofUnit: [Int: (sum: Double, count: Double)] = [:]
        if start.donors != nil {
            for cell in controls {
                ofUnit[cell.unit, default: (0, 0)].sum += difference(cell)
                ofUnit[cell.unit, default: (0, 0)].count += 1
            }
        }
        let middle = all.reduce(0, +) / Double(all.count)
        let squares = all.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
        let error = all.count > 1 ? (squares / Double(all.count - 1) / Double(all.count)).squareRoot() : 0
        let values = others.map { cell in
            difference(cell) - (ofUnit[cell.unit].map { $0.sum / $0.count } ?? middle)
        }
        let groups = GeneEstimates.observations(pairs, values, byUnit: true)
        return GeneEstimates(
            means: groups.map { group in group.reduce(0) { $0 + $1.value } / Double(max(1, group.count)) },
            deviations: groups.map { _ in error }, values: values)
    }

    // MARK: Rows

    private func rows(
        _ scored: ScoredGenes, _ others: [Cell], _ controls: [Cell], _ imagination: ImaginedDeletions
    ) -> (ranked: [KnockoutRanking.Gene], rare: [KnockoutRanking.Gene]) {
        let labels = scored.ranked + scored.rare
        func mean(_ cells: [Cell], _ place: Int) -> Double {
            cells.reduce(0) { $0 + $1.values[place] } / Double(cells.count)
        }
        let middle = (0..<states.directions.count + 1).map { mean(controls, $0) }
        let own = labels.map { label in scored.pairs.ofGene[label].map { others[scored.pairs.cell[$0]] } }
        // Of each cell, or of each donor's cells their mean.
        func observations(_ cells: [Cell]) -> [Double] {
            if start.donors == nil { return cells.map { $0.values[0] } }
            return Dictionary(grouping: cells, by: \.unit).sorted { $0.key < $1.key }.map { mean($0.value, 0) }
        }
        let reference = RankedReference(observations(controls))
        let pValues = own.map { reference.test(observations($0)).pValue }
        let rates = benjaminiHochberg(pValues)
        func row(_ index: Int, rank: Int?) -> KnockoutRanking.Gene {
            let cells = own[index]
            let shifts = middle.indices.map { mean(cells, $0) - middle[$0] }
            let label = column.labels[Int(scored.pairs.tokens[labels[index]])]
            return KnockoutRanking.Gene(
                rank: rank, gene: label, geneID: imagination.id(label), score: scored.score(labels[index]),
                interval: scored.interval(labels[index]), shift: shifts[0],
                shiftToAlternatives: zip(options.alternatives, shifts[2...]).map { ($0, $1) },
                populationEffect: shifts[0] * Double(cells.count) / Double(start.rows.count),
                neighborShift: shifts[states.directions.count], pValue: pValues[index],
                falseDiscoveryRate: rates[index], cells: cells.count,
                donors: start.donors.map { _ in scored.pairs.unitsOfGene[labels[index]] },
                sameSign: Double(cells.count { ($0.values[0] - middle[0]) * shifts[0] > 0 }) / Double(cells.count),
                exact: true, position: nil, expressionDifference: imagination.expressionDifference(label),
                imagined: imagination.row(label))
        }
        func sorted(_ range: Range<Int>) -> [Int] {
            range.sorted { (scored.score(labels[$1]), labels[$0]) < (scored.score(labels[$0]), labels[$1]) }
        }
        return (
            sorted(0..<scored.ranked.count).enumerated().map { row($1, rank: $0 + 1) },
            sorted(scored.ranked.count..<labels.count).map { row($0, rank: nil) }
        )
    }
}
