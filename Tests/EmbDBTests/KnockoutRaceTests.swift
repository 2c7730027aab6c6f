import EmbDB
import Foundation
import Numerics
import TestSupport
import Testing

@Suite("Rankings of which most deletions are estimated")
struct KnockoutRaceTests {
    private let space: Workspace
    private let database: Database

    init() throws {
        space = try Workspace()
        database = try space.ingested([Fixture.labelled])
    }

    private func options(_ change: (inout KnockoutOptions) -> Void = { _ in }) -> KnockoutOptions {
        var options = KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy)
        options.minimumCells = 5
        change(&options)
        return options
    }

    private func exact() throws -> KnockoutRanking { try database.knockouts(options: options { $0.screen = .off }) }

    @Test("keeps to its budget, measures what it says it measured, and is near to the exact run")
    func estimated() throws {
        let exact = try exact()
        #expect(exact.forwards == exact.forwardsOfExactRun && exact.ranking.allSatisfy(\.exact))
        let found = try database.knockouts(options: options { $0.budget = 0.75 })
        #expect(found.forwardsOfExactRun == exact.forwards)
        #expect(Double(found.forwards) <= 0.75 * Double(exact.forwards))
        #expect(Double(found.forwards) >= 0.7 * Double(exact.forwards))
        let reliability = found.reliability
        #expect(reliability.usesEstimates)
        #expect(try #require(reliability.pilotSpearman) >= 0.7)
        #expect((0.8...1.2).contains(try #require(reliability.pilotSlope)))
        #expect(Set(found.ranking.map(\.geneID)) == Set(exact.ranking.map(\.geneID)))
        let others = Dictionary(uniqueKeysWithValues: exact.ranking.map { ($0.geneID, $0) })
        #expect(found.ranking.contains { !$0.exact })
        for gene in found.ranking {
            let other = try #require(others[gene.geneID])
            #expect(gene.cells == other.cells && gene.position == other.position)
            #expect(gene.expressionDifference == other.expressionDifference)
            #expect(gene.neighborShift != nil && gene.sameSign != nil && gene.interval != nil)
            // Measured in every cell that has it.
            if gene.exact { #expect(abs(gene.shift - other.shift) < 1e-12) }
        }
        let shifts = found.ranking.compactMap { others[$0.geneID]?.shift }
        #expect(try #require(spearmanCorrelation(found.ranking.map(\.shift), shifts)) > 0.9)
        let scores = found.ranking.compactMap { others[$0.geneID]?.score }
        #expect(try #require(spearmanCorrelation(found.ranking.map(\.score), scores)) > 0.9)
    }

    @Test("the same bytes twice, and for any number of threads")
    func reproducible() throws {
        func run(_ threads: Int) throws -> [[Double]] {
            let found = try database.knockouts(
                options: options {
                    $0.budget = 0.75
                    $0.threads = threads
                })
            return [found.ranking.map(\.score), found.ranking.map(\.shift), found.rare.map(\.score)]
                + [[found.reliability.predictedOverlap ?? -1, found.reliability.halfSplitOverlap ?? -1]]
        }
        let one = try run(1)
        #expect(try run(1) == one)
        #expect(try run(2) == one)
        #expect(try run(3) == one)
    }

    @Test("where not all cells can be estimated, the others' genes still get a value, and less is promised")
    func someCells() throws {
        let exact = try exact()
        let found = try database.knockouts(options: options { $0.budget = 0.4 })
        #expect(Double(found.forwards) <= 0.4 * Double(exact.forwards))
        #expect(found.reliability.usesEstimates && found.ranking.count == exact.ranking.count)
        #expect(found.ranking.allSatisfy { $0.score.isFinite && $0.shift.isFinite })
        let others = Dictionary(uniqueKeysWithValues: exact.ranking.map { ($0.geneID, $0) })
        let scores = found.ranking.compactMap { others[$0.geneID]?.score }
        #expect(try #require(spearmanCorrelation(found.ranking.map(\.score), scores)) > 0.6)
        let more = try database.knockouts(options: options { $0.budget = 0.75 })
        #expect(
            try #require(found.reliability.predictedOverlap) < #require(more.reliability.predictedOverlap))
    }

    @Test("without estimates measured pairs stand alone", arguments: [KnockoutOptions.Mode.delete, .overexpress])
    func measuredAlone(mode: KnockoutOptions.Mode) throws {
        func run(_ budget: Double?) throws -> KnockoutRanking {
            try database.knockouts(
                options: options {
                    $0.screen = .off
                    $0.budget = budget
                    $0.mode = mode
                })
        }
        let (exact, found) = (try run(nil), try run(0.4))
        #expect(Double(found.forwards) <= 0.4 * Double(exact.forwards))
        #expect(Double(found.forwards) >= 0.38 * Double(exact.forwards))
        #expect(!found.reliability.usesEstimates && found.reliability.pilotSpearman == nil)
        let others = Dictionary(uniqueKeysWithValues: exact.ranking.map { ($0.geneID, $0) })
        let scores = found.ranking.compactMap { others[$0.geneID]?.score }
        #expect(scores.count == exact.ranking.count)
        #expect(try #require(spearmanCorrelation(found.ranking.map(\.score), scores)) > 0.6)
    }

    @Test("what is cheaper measured is measured; a whole budget is the exact run")
    func cheap() throws {
        let listed = try database.knockouts(
            options: options { $0.genes = ["GENE2", "GENE3", "GENE4", "GENE5", "GENE6"] })
        #expect(listed.ranking.allSatisfy(\.exact) && listed.reliability.pilotSpearman == nil)
        let whole = try database.knockouts(options: options { $0.budget = 1 })
        #expect(whole.ranking.map(\.score) == (try exact()).ranking.map(\.score))
    }

    @Test("stopped, it says what it knows")
    func stopped() throws {
        let calls = Log()
        let control = Control(isCancelled: {
            calls.add("")
            return calls.count > 500
        })
        let partial = try database.knockouts(options: options { $0.screen = .off }, control: control)
        #expect(partial.isPartial && partial.forwards < partial.forwardsOfExactRun)
        #expect(partial.ranking.contains { $0.score != 0 })
        let tooShort = #expect(throws: EmbDBError.self) {
            _ = try database.knockouts(options: options { $0.seconds = 1e-9 })
        }
        #expect(tooShort?.code == .usage && tooShort?.message.contains("time") == true)
    }

    @Test("stopped among the first estimates: these are the answer, or there is none")
    func stoppedEarly() throws {
        for limit in [1, 30, 90, 200, 400] {
            let calls = Log()
            let control = Control(isCancelled: {
                calls.add("")
                return calls.count > limit
            })
            do {
                let partial = try database.knockouts(options: options { $0.budget = 0.75 }, control: control)
                #expect(partial.isPartial && partial.ranking.contains { $0.score != 0 }, "\(limit)")
                #expect(partial.rare.allSatisfy { $0.sameSign != nil }, "\(limit)")
            } catch {
                #expect(error.code == .cancelled, "\(limit)")
            }
        }
    }

    @Test("so few passes that nothing tells how cells differ promise nothing")
    func tooFew() throws {
        for screen in KnockoutOptions.Screen.allCases {
            let found = try database.knockouts(
                options: options {
                    $0.screen = screen
                    $0.budget = 0.004
                })
            #expect(found.forwards <= 12)
            #expect(found.reliability.predictedOverlap ?? 0 < 0.7)
        }
    }

    @Test("budgets out of range are refused")
    func refused() {
        for change in [
            { $0.budget = 0 }, { $0.budget = 1.5 }, { $0.budget = -1 }, { $0.budget = .nan }, { $0.seconds = 0 },
        ]
            as [(inout KnockoutOptions) -> Void]
        {
            let error = #expect(throws: EmbDBError.self) {
                _ = try database.knockouts(options: options(change))
            }
            #expect(error?.code == .usage)
        }
    }

    @Test("two samples of one state are said to be no two states")
    func oneState() throws {
        let ids = try space.exports(database)
        let cells = ids.obs.indices.filter { ids.obs[$0]["state"] == "healthy" }.map { "\"\(ids.ids[$0])\"" }
        func some(_ parity: Int) -> String {
            "cell in [" + cells.enumerated().filter { $0.offset % 2 == parity }.map(\.element).joined(separator: ", ")
                + "]"
        }
        var options = KnockoutOptions(from: some(0), to: some(1))
        options.screen = .off
        let found = try database.knockouts(options: options)
        #expect(found.reliability.isSupported == false && !found.reliability.statesDiffer)
        #expect(try exact().reliability.statesDiffer)
    }
}
