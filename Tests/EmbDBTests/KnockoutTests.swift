import CellTransformer
import EmbDB
import Foundation
import Numerics
import Testing

@Suite("knockouts against a plain computation over the exported tokens")
struct KnockoutTests {
    static let sick = #"state == "sick""#
    static let healthy = #"state == "healthy""#

    /// What the ranking should say, from the exports, the weights and the fixture alone.
    struct Oracle {
        struct Gene {
            var cells: [Int] = []
            var shifts: [Double] = []
            /// Towards the goal, less towards the start.
            var differences: [Double] = []
            var between: [Double] = []
            var shares: [Double] = []
            var positions: [Int] = []
        }

        let space: Workspace
        let exports: Exports
        let weights: BertWeights
        var genes: [UInt32: Gene] = [:]
        var forwards = 0

        init(_ space: Workspace, _ exports: Exports, from: [Int], mode: KnockoutOptions.Mode, k: Int) throws {
            self.space = space
            self.exports = exports
            weights = try space.weights()
            let goalRows = rows("healthy")
            let goal = mean(goalRows.map { exports.vectors[$0] })
            let start = mean(rows("sick").map { exports.vectors[$0] })
            let between = mean(rows("between").map { exports.vectors[$0] })
            for row in from {
                let tokens = exports.tokens[row]
                let (cls, eos) = space.tiny.isV2 ? ([tokens[0]], [tokens[tokens.count - 1]]) : ([], [])
                let ranked = space.tiny.isV2 ? Array(tokens[1..<tokens.count - 1]) : tokens
                guard ranked.count > 1 else { continue }
                let before = try embed(tokens)
                let shareBefore = share(before, row, goalRows, k)
                for (position, gene) in ranked.enumerated() {
                    if mode == .overexpress, position == 0 { continue }
                    let others = ranked.filter { $0 != gene }
                    let after =
                        mode == .delete
                        ? try delete(cls.count + position, of: tokens) : try embed(cls + [gene] + others + eos)
                    let share = share(after, row, goalRows, k) - shareBefore
                    genes[gene, default: Gene()].shifts.append(cosine(after, goal) - cosine(before, goal))
                    genes[gene]?.cells.append(row)
                    genes[gene]?.differences.append(
                        cosine(after, goal) - cosine(before, goal) - cosine(after, start) + cosine(before, start))
                    genes[gene]?.between.append(cosine(after, between) - cosine(before, between))
                    genes[gene]?.shares.append(share)
                    genes[gene]?.positions.append(position)
                }
            }
        }

        func rows(_ state: String) -> [Int] { exports.obs.indices.filter { exports.obs[$0]["state"] == state } }

        private mutating func embed(_ tokens: [UInt32]) throws -> [Float] {
            forwards += 1
            let configuration = weights.configuration
            var workspace = BertWorkspace(configuration, maximumLength: tokens.count)
            try BertEncoder(weights).forward(
                tokens.span, through: configuration.layerCount - 1, workspace: &workspace)
            let states = try workspace.hiddenStates()
            if space.tiny.isV2 { return Array(states[row: 0]) }
            return mean((0..<states.rows).map { Array(states[row: $0]) })
        }

        private mutating func delete(_ position: Int, of tokens: [UInt32]) throws -> [Float] {
            forwards += 1
            return try DeletedGene(position, of: tokens, weights, isV2: space.tiny.isV2).embedding
        }

        /// The share of goal cells among the k nearest stored cells but the cell itself.
        private func share(_ vector: [Float], _ row: Int, _ goal: [Int], _ k: Int) -> Double {
            let others = exports.ids.indices.filter { $0 != row }
            let near = BruteForce(vectors: exports.vectors).nearest(to: vector, among: others).prefix(k)
            return Double(near.count { goal.contains($0.row) }) / Double(near.count)
        }
    }

    /// Two-sided rank-sum test by counting all pairs.
    static func pValue(_ sample: [Double], _ rest: [Double]) -> Double {
        var wins = 0.0
        for a in sample { for b in rest { wins += a > b ? 1 : a == b ? 0.5 : 0 } }
        let (m, n) = (Double(sample.count), Double(rest.count))
        let z = (wins - m * n / 2) / (m * n * (m + n + 1) / 12).squareRoot()
        return erfc(abs(z) / 2.0.squareRoot())
    }

    /// Benjamini–Hochberg by its definition: the smallest p_j n / #{p <= p_j} over all p_j >= p_i.
    static func rates(_ p: [Double]) -> [Double] {
        p.map { own in
            p.filter { $0 >= own }.map { other in other * Double(p.count) / Double(p.count { $0 <= other }) }.min() ?? 1
        }
    }

    private static func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool { abs(a - b) <= tolerance }

    @Test(
        "every number of the ranking",
        arguments: [(false, .delete), (false, .overexpress), (true, .delete), (true, .overexpress)]
            as [(Bool, KnockoutOptions.Mode)])
    func numbers(isV2: Bool, mode: KnockoutOptions.Mode) throws {
        let space = try Workspace(isV2: isV2)
        // `<cls>` of an untrained model hardly sees the genes: distances would be below what f32 can tell apart.
        if isV2 { try space.strengthenWeights() }
        let database = try space.ingested([Fixture.small])
        let exports = try space.exports(database)
        var options = KnockoutOptions(from: Self.sick, to: Self.healthy)
        options.alternatives = [#"state == "between""#]
        options.mode = mode
        options.minimumCells = 1
        options.k = 5
        let answer = try database.knockouts(options: options)
        let from = exports.obs.indices.filter { exports.obs[$0]["state"] == "sick" }
        let oracle = try Oracle(space, exports, from: from, mode: mode, k: 5)

        #expect(answer.fromCells == from.count && answer.toCells == oracle.rows("healthy").count)
        #expect(answer.mode == mode && answer.forwards == oracle.forwards)
        #expect(answer.forwardsOfExactRun == oracle.forwards && !answer.isPartial && answer.rare.isEmpty)
        #expect(answer.ranking.count == oracle.genes.count)
        #expect(answer.ranking.map(\.rank) == Array(1...answer.ranking.count))
        let all = oracle.genes.values.flatMap(\.shifts)
        let difference = try ExpressionOracle(exports, from: from, to: oracle.rows("healthy"))
        let scores = ScoreOracle(oracle.genes)
        #expect(Self.near(try #require(answer.reliability.intraclassCorrelation), scores.correlation, 1e-6))
        #expect(answer.reliability.predictedOverlap == 1 && answer.reliability.pilotSpearman == nil)
        var pValues: [Double] = []
        for gene in answer.ranking {
            let token = try #require(space.tiny.token(ofID: gene.geneID))
            let expected = try #require(oracle.genes[token])
            let count = Double(expected.shifts.count)
            let shift = expected.shifts.reduce(0, +) / count
            #expect(gene.gene == space.tiny.symbol(of: token))
            #expect(gene.cells == expected.shifts.count && gene.exact)
            #expect(Self.near(gene.shift, shift))
            let score = try #require(scores.genes[token])
            #expect(Self.near(gene.score, score.score))
            let interval = try #require(gene.interval)
            #expect(
                Self.near(interval.low, score.score - score.half) && Self.near(interval.high, score.score + score.half))
            #expect(Self.near(gene.populationEffect, shift * count / Double(from.count)))
            #expect(gene.shiftToAlternatives.map(\.state) == options.alternatives)
            #expect(Self.near(gene.shiftToAlternatives[0].shift, expected.between.reduce(0, +) / count))
            #expect(Self.near(try #require(gene.neighborShift), expected.shares.reduce(0, +) / count))
            #expect(Self.near(try #require(gene.position), Double(expected.positions.reduce(0, +)) / count))
            #expect(Self.near(try #require(gene.expressionDifference), difference.value(gene.geneID)))
            #expect(gene.sameSign == Double(expected.shifts.count { $0.sign == shift.sign && $0 != 0 }) / count)
            pValues.append(Self.pValue(expected.shifts, all))
            #expect(Self.near(gene.pValue, pValues[pValues.count - 1], 1e-7))
        }
        for (gene, rate) in zip(answer.ranking, Self.rates(pValues)) {
            #expect(Self.near(gene.falseDiscoveryRate, rate, 1e-7))
        }
        #expect(answer.ranking.contains { $0.cells == 1 } && answer.ranking.contains { $0.neighborShift != 0 })
        for (a, b) in zip(answer.ranking, answer.ranking.dropFirst()) { #expect(a.score >= b.score) }
    }

    @Test("the same for any number of threads; minimumCells puts genes apart but changes no number")
    func options() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        var options = KnockoutOptions(from: Self.sick, to: Self.healthy)
        options.threads = 1
        options.minimumCells = 1
        let one = try database.knockouts(options: options)
        options.threads = 2
        let two = try database.knockouts(options: options)
        #expect(one.ranking.map(\.geneID) == two.ranking.map(\.geneID))
        #expect(one.ranking.map(\.shift) == two.ranking.map(\.shift))
        #expect(one.ranking.map(\.neighborShift) == two.ranking.map(\.neighborShift))

        options.minimumCells = 4
        let common = try database.knockouts(options: options)
        let expected = one.ranking.filter { $0.cells >= 4 }
        #expect(!expected.isEmpty && expected.count < one.ranking.count)
        #expect(common.ranking.map(\.geneID) == expected.map(\.geneID))
        #expect(common.ranking.map(\.shift) == expected.map(\.shift))
        #expect(common.ranking.map(\.score) == expected.map(\.score))
        let rare = one.ranking.filter { $0.cells < 4 }
        #expect(common.rare.map(\.geneID) == rare.map(\.geneID) && common.rare.allSatisfy { $0.rank == nil })
        #expect(common.rare.map(\.score) == rare.map(\.score))

        // By itself it asks for a quarter of so few cells.
        options.minimumCells = nil
        let usual = try database.knockouts(options: options)
        let least = (one.fromCells + 3) / 4
        #expect(usual.reliability.minimumCells == least && least > 1)
        #expect(usual.ranking.map(\.geneID) == one.ranking.filter { $0.cells >= least }.map(\.geneID))
    }

    @Test("maximumCells draws by the seed, and what is drawn is measured as such cells are")
    func maximumCells() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let exports = try space.exports(database)
        let sick = exports.obs.indices.filter { exports.obs[$0]["state"] == "sick" }
        func ranking(_ seed: UInt64, _ count: Int?) throws -> KnockoutRanking {
            var options = KnockoutOptions(from: Self.sick, to: Self.healthy)
            options.maximumCells = count
            options.minimumCells = 1
            options.seed = seed
            return try database.knockouts(options: options)
        }
        let (a, again, b) = (try ranking(1, 6), try ranking(1, 6), try ranking(2, 6))
        #expect(a.fromCells == 6 && b.fromCells == 6)
        #expect(a.ranking.map(\.shift) == again.ranking.map(\.shift))
        #expect(a.ranking.map(\.shift) != b.ranking.map(\.shift))
        let chosen = SampleOracle.sample(6, of: sick, seed: 1)
        let oracle = try Oracle(space, exports, from: chosen, mode: .delete, k: 10)
        #expect(Set(a.ranking.map(\.geneID)) == Set(oracle.genes.keys.compactMap { space.tiny.id(of: $0) }))
        for gene in a.ranking {
            let expected = try #require(space.tiny.token(ofID: gene.geneID).flatMap { oracle.genes[$0] })
            #expect(Self.near(gene.shift, expected.shifts.reduce(0, +) / Double(expected.shifts.count)))
            #expect(Self.near(gene.populationEffect, expected.shifts.reduce(0, +) / 6))
        }
        let (all, most) = (try ranking(1, nil), try ranking(9, 1000))
        #expect(all.fromCells == sick.count)
        #expect(all.ranking.map(\.shift) == most.ranking.map(\.shift))
    }

    @Test("a list of genes by id and symbol gives the same shifts as all of them; unseen ones are warned of")
    func listedGenes() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        var options = KnockoutOptions(from: Self.sick, to: Self.healthy)
        options.minimumCells = 1
        let all = try database.knockouts(options: options)
        options.minimumCells = nil
        let some = [all.ranking[0], all.ranking[all.ranking.count / 2]]
        let unseen = try #require(
            (1...TinyModel.genes).map { "GENE\($0)" }.first { name in !all.ranking.contains { $0.gene == name } })
        options.genes = [some[0].gene, some[1].geneID + ".3", some[0].geneID, unseen]
        let warnings = Log()
        let listed = try database.knockouts(options: options, control: Control(warning: { warnings.add($0) }))
        #expect(Set(listed.ranking.map(\.geneID)) == Set(some.map(\.geneID)))
        #expect(warnings.lines.contains { $0.contains(unseen) })
        for gene in listed.ranking {
            let other = try #require(all.ranking.first { $0.geneID == gene.geneID })
            // Random genes beside them change what is taken off, not what Geneformer's shift is.
            #expect(Self.near(gene.shift, other.shift, 1e-15) && gene.neighborShift == other.neighborShift)
        }
        func code(_ change: (inout KnockoutOptions) -> Void) -> EmbDBError.Code? {
            var options = KnockoutOptions(from: Self.sick, to: Self.healthy)
            change(&options)
            do {
                _ = try database.knockouts(options: options)
                return nil
            } catch { return error.code }
        }
        #expect(code { $0.genes = ["GENE99"] } == .unknownGene)
        #expect(code { $0.genes = ["<mask>"] } == .unknownGene)
        #expect(code { $0.from = "n_genes < 0" } == .nothingFound)
        #expect(code { $0.to = #"state == "no""# } == .expression)
        #expect(code { $0.alternatives = ["n_genes < 0"] } == .nothingFound)
        for number in [0, -1] {
            #expect(code { $0.maximumCells = number } == .usage)
            #expect(code { $0.k = number } == .usage)
        }
        #expect(code { $0.k = .max } == nil)
    }

    @Test("a ranking stops when it is told to")
    func cancelling() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let calls = Log()
        let control = Control(isCancelled: {
            calls.add("")
            return calls.count > 3
        })
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.knockouts(options: KnockoutOptions(from: Self.sick, to: Self.healthy), control: control)
        }
        #expect(error?.code == .cancelled)
        #expect(calls.count < 9)
    }

    @Test("nearest cells of a changed cell are those of its new embedding", arguments: [false, true])
    func nearestAfterAnEdit(isV2: Bool) throws {
        let space = try Workspace(isV2: isV2)
        let database = try space.ingested([Fixture.small])
        let exports = try space.exports(database)
        let first = isV2 ? 1 : 0
        let row = try #require(exports.tokens.firstIndex { $0.count == space.tiny.maximumLength })
        let tokens = exports.tokens[row]
        let gone = tokens[first + 2]
        let absent = try #require((0..<UInt32(space.tiny.vocabularySize)).last { !tokens.contains($0) })
        var changed = tokens.filter { $0 != gone }
        changed.insert(absent, at: first)
        var options = NearestOptions()
        options.edit = GeneEdit(delete: [space.tiny.symbol(of: gone)], overexpress: [space.tiny.symbol(of: absent)])
        let answer = try database.nearest(.cells([exports.ids[row]]), options: options)
        let input = isV2 ? CellInput(tokens: changed, genes: 1..<changed.count - 1) : CellInput(tokens: changed)
        let vector = try CellEmbedder(space.weights(), pooling: isV2 ? .cls : .mean, threads: 1).embed([input])
        let others = exports.ids.indices.filter { $0 != row }
        NearestTests.expectSame(
            answer.queries[0].neighbors, BruteForce(vectors: exports.vectors).nearest(to: vector.values, among: others),
            exports, k: 10)
        #expect(answer.queries[0].perturbation == options.edit)
        // A gene that the cell does not have: a warning, and the same neighbors as without.
        let warnings = Log()
        options.edit = GeneEdit(delete: [space.tiny.symbol(of: absent)])
        let same = try database.nearest(
            .cells([exports.ids[row]]), options: options, control: Control(warning: { warnings.add($0) }))
        let plain = try database.nearest(.cells([exports.ids[row]]))
        #expect(same.queries[0].neighbors.map(\.cell) == plain.queries[0].neighbors.map(\.cell))
        #expect(warnings.lines.count == 1 && warnings.lines[0].contains(exports.ids[row]))
    }
}

/// Mean log1p(counts per 10,000) of one set of cells minus that of another, from the fixture's own counts.
private struct ExpressionOracle {
    let counts: FixtureCounts
    let from: [String]
    let to: [String]

    init(_ exports: Exports, from: [Int], to: [Int]) throws {
        counts = try FixtureCounts(Fixture.small)
        self.from = from.map { exports.ids[$0] }
        self.to = to.map { exports.ids[$0] }
    }

    func value(_ gene: String) -> Double { mean(to, gene) - mean(from, gene) }

    private func mean(_ cells: [String], _ gene: String) -> Double {
        cells.reduce(0) { $0 + log1p((counts.counts[$1]?[gene] ?? 0) / (counts.totals[$1] ?? 1) * 10_000) }
            / Double(cells.count)
    }
}

/// Selection sampling (Knuth, algorithm S) over the library's documented generator.
private enum SampleOracle {
    static func sample(_ count: Int, of rows: [Int], seed: UInt64) -> [Int] {
        var random = SeededRandom(seed: seed)
        var chosen: [Int] = []
        for (index, row) in rows.enumerated()
        where random.uniform() * Double(rows.count - index) < Double(count - chosen.count) { chosen.append(row) }
        return chosen
    }
}

extension TinyModel {
    func token(ofID id: String) -> UInt32? {
        Int(id.dropFirst(4)).map { UInt32($0 + specials.count - 1) }
    }

    func symbol(of token: UInt32) -> String { "GENE\(Int(token) - specials.count + 1)" }

    func id(of token: UInt32) -> String? {
        let number = String(Int(token) - specials.count + 1)
        return "ENSG" + String(repeating: "0", count: 11 - number.count) + number
    }
}
