import EmbDB
import Foundation
import TestSupport
import Testing

@Suite("Perturbations that were made, by their cells; donors; a baseline")
struct ObservedTests {
    private let space: Workspace
    private let database: Database
    private let exports: Exports

    init() throws {
        space = try Workspace()
        database = try space.ingested([Fixture.labelled])
        exports = try space.exports(database)
    }

    private func rows(_ column: String, _ value: String) -> [Int] {
        exports.obs.indices.filter { exports.obs[$0][column] == value }
    }

    @Test("each label's cells against the control's, in the start state")
    func observed() throws {
        var options = KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy)
        options.observed = "donor"
        options.control = "d1"
        options.k = 5
        let found = try database.knockouts(options: options)
        let (sick, healthy) = (rows("state", "sick"), rows("state", "healthy"))
        let goal = mean(healthy.map { exports.vectors[$0] })
        let start = mean(sick.map { exports.vectors[$0] })
        func difference(_ row: Int) -> Double {
            cosine(exports.vectors[row], goal) - cosine(exports.vectors[row], start)
        }
        func average(_ rows: [Int], _ value: (Int) -> Double) -> Double {
            rows.reduce(0) { $0 + value($1) } / Double(rows.count)
        }
        func share(_ row: Int) -> Double {
            let others = exports.ids.indices.filter { $0 != row }
            let near = BruteForce(vectors: exports.vectors).nearest(to: exports.vectors[row], among: others).prefix(5)
            return Double(near.count { healthy.contains($0.row) }) / 5
        }
        let donors = Set(sick.compactMap { exports.obs[$0]["donor"] }).filter { !$0.isEmpty }
        #expect(Set(found.ranking.map(\.gene)) == donors.subtracting(["d1"]) && found.observed == "donor")
        let control = sick.filter { exports.obs[$0]["donor"] == "d1" }
        let groups = found.ranking.map { gene in sick.filter { exports.obs[$0]["donor"] == gene.gene } }
        // Variance components of one-way analysis.
        let middles = groups.map { average($0, difference) - average(control, difference) }
        let counts = groups.map { Double($0.count) }
        let n = counts.reduce(0, +)
        var within = 0.0
        for group in groups {
            let own = average(group, difference)
            within += group.reduce(0) { $0 + (difference($1) - own) * (difference($1) - own) }
        }
        within /= n - Double(groups.count)
        let grand = zip(counts, middles).reduce(0) { $0 + $1.0 * $1.1 } / n
        let between =
            zip(counts, middles).reduce(0) { $0 + $1.0 * ($1.1 - grand) * ($1.1 - grand) }
            / Double(groups.count - 1)
        let size = (n - counts.reduce(0) { $0 + $1 * $1 } / n) / Double(groups.count - 1)
        let plain = middles.reduce(0, +) / Double(groups.count)
        let floor = 0.05 * middles.reduce(0) { $0 + ($1 - plain) * ($1 - plain) } / Double(groups.count - 1)
        let variance = max((between - within) / size, floor)
        for (index, gene) in found.ranking.enumerated() {
            let group = groups[index]
            #expect(gene.rank == index + 1 && gene.cells == group.count && gene.exact)
            let score = middles[index] * variance / (variance + within / counts[index])
            #expect(abs(gene.score - score) < 1e-9)
            let interval = try #require(gene.interval)
            #expect(interval.low < gene.score && gene.score < interval.high)
            let shift =
                average(group) { cosine(exports.vectors[$0], goal) }
                - average(control) { cosine(exports.vectors[$0], goal) }
            #expect(abs(gene.shift - shift) < 1e-9)
            #expect(abs(try #require(gene.neighborShift) - average(group, share) + average(control, share)) < 1e-9)
            let p = KnockoutTests.pValue(
                group.map { cosine(exports.vectors[$0], goal) }, control.map { cosine(exports.vectors[$0], goal) })
            #expect(abs(gene.pValue - p) < 1e-7)
            // No donor is a gene.
            #expect(gene.geneID.isEmpty && gene.imagined == nil && gene.position == nil)
        }
        #expect(found.ranking.map(\.score) == found.ranking.map(\.score).sorted(by: >))
    }

    @Test("columns and controls that are not there are refused, with what there is")
    func refused() throws {
        func error(_ change: (inout KnockoutOptions) -> Void) -> EmbDBError? {
            var options = KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy)
            options.observed = "donor"
            options.control = "d1"
            change(&options)
            do {
                _ = try database.knockouts(options: options)
                return nil
            } catch { return error }
        }
        #expect(error { $0.observed = "doner" }?.message.contains("donor") == true)
        #expect(error { $0.control = nil }?.code == .usage)
        #expect(error { $0.control = "d7" }?.code == .usage)
        #expect(error { $0.from = #"state == "sick" and donor != "d1""# }?.code == .nothingFound)
        #expect(
            error {
                $0.observed = nil
                $0.donor = "doner"
            }?.message.contains("donor") == true)
        #expect(error { _ in } == nil)
    }

    @Test("cells are drawn evenly over donors; intervals and p values are over donors")
    func donors() throws {
        var options = KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy)
        options.donor = "donor"
        options.maximumCells = 24
        options.minimumCells = 1
        let found = try database.knockouts(options: options)
        #expect(found.fromCells == 24)
        let donors = Set(rows("state", "sick").compactMap { exports.obs[$0]["donor"] }).filter { !$0.isEmpty }
        #expect(found.donors == donors.count)
        #expect(found.ranking.allSatisfy { ($0.donors ?? 0) >= 1 && ($0.donors ?? 9) <= min($0.cells, donors.count) })
        // Evenly: a gene that all cells have is seen in every donor.
        let common = try #require(found.ranking.max { $0.cells < $1.cells })
        #expect(common.donors == donors.count)
        options.donor = nil
        let cells = try database.knockouts(options: options)
        #expect(cells.donors == nil && cells.ranking.allSatisfy { $0.donors == nil })

        // The same cells, all of them: shifts are Geneformer's either way, p values are not.
        options.maximumCells = nil
        let allCells = try database.knockouts(options: options)
        options.donor = "donor"
        let allDonors = try database.knockouts(options: options)
        #expect(allCells.fromCells == allDonors.fromCells)
        let others = Dictionary(uniqueKeysWithValues: allCells.ranking.map { ($0.geneID, $0) })
        for gene in allDonors.ranking {
            let other = try #require(others[gene.geneID])
            #expect(abs(gene.shift - other.shift) < 1e-12 && gene.cells == other.cells)
        }
        #expect(allDonors.ranking.map(\.pValue) != allCells.ranking.map(\.pValue))
    }

    @Test("the baseline is the order of the differences in expression")
    func baseline() throws {
        var options = KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy)
        options.baseline = .expression
        let found = try database.knockouts(options: options)
        let sorted = found.ranking.sorted { ($0.expressionDifference ?? 0) < ($1.expressionDifference ?? 0) }
        #expect(sorted.compactMap(\.baselineRank) == Array(1...found.ranking.count))
        let agreement = try #require(found.baseline)
        let best = found.reliability.best
        let shared = Set(found.ranking.prefix(best).map(\.geneID)).intersection(sorted.prefix(best).map(\.geneID))
        #expect(agreement.overlap == Double(shared.count) / Double(best))
        #expect(agreement.spearman == found.reliability.expressionCorrelation.map { -$0 })
        options.baseline = nil
        #expect(try database.knockouts(options: options).baseline == nil)
    }

    @Test("imported embeddings have observed perturbations too")
    func imported() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        var options = KnockoutOptions(from: "cluster in [0, 1]", to: "cluster == 2")
        options.observed = "kind"
        options.control = "beta"
        let found = try database.knockouts(options: options)
        #expect(FileManager.default.fileExists(atPath: space.path("test.embdb")))
        #expect(found.model == nil && Set(found.ranking.map(\.gene)) == ["alpha", "gamma"])
        #expect(found.ranking.allSatisfy { $0.score.isFinite && $0.expressionDifference == nil })
    }
}
