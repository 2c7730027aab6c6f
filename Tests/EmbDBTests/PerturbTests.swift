import CellTransformer
import Checkpoints
import EmbDB
import Foundation
import Numerics
import TestSupport
import Testing

@Suite("perturbations, cell by cell, against a plain computation over the exported tokens")
struct PerturbTests {
    private static let sick = #"state == "sick""#
    private static let healthy = #"state == "healthy""#

    private static func near(_ a: Double?, _ b: Double) -> Bool { a.map { abs($0 - b) <= 1e-9 } ?? false }

    @Test(
        "one gene after the other, also such as a cell lacks",
        arguments: [false, true].flatMap { isV2 in KnockoutOptions.Mode.allCases.map { (isV2, $0) } })
    func single(isV2: Bool, mode: KnockoutOptions.Mode) throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: isV2)
        let tiny = oracle.space.tiny
        let tokens = (0..<8).map { UInt32(tiny.specials.count + 7 * $0) }
        var options = PerturbOptions(cells: Self.sick, genes: tokens.map(tiny.symbol))
        options.mode = mode
        options.toward = Self.healthy
        let answer = try database.perturb(options: options)
        let goal = mean(oracle.rows("healthy").map { oracle.exports.vectors[$0] })
        var expected: [(row: Int, token: UInt32)] = []
        for row in oracle.rows("sick") {
            for token in tokens where mode == .overexpress || oracle.genes(row).contains(token) {
                expected.append((row, token))
            }
        }
        let rows = oracle.rows("sick")
        #expect(answer.mode == mode && answer.cells == rows.count)
        #expect(answer.genes.map(\.geneID) == tokens.map { tiny.id(of: $0) })
        #expect(answer.leftOut == rows.count * tokens.count - expected.count)
        #expect((mode != .overexpress) == (answer.leftOut > 0))
        #expect(answer.forwards == expected.count + Set(expected.map(\.row)).count)
        try #require(answer.results.count == expected.count)
        #expect(answer.results.contains { $0.position == nil } == (mode == .overexpress))
        for (result, (row, token)) in zip(answer.results, expected) {
            let before = try oracle.embed(oracle.genes(row))
            let after = try oracle.perturbed(row, [token], mode)
            #expect(result.cell == oracle.exports.ids[row])
            #expect(result.gene?.gene == tiny.symbol(of: token) && result.gene?.geneID == tiny.id(of: token))
            #expect(result.position == oracle.genes(row).firstIndex(of: token))
            #expect(result.found == (result.position == nil ? 0 : 1))
            #expect(Self.near(result.similarity, cosine(after, before)))
            #expect(Self.near(result.shift, cosine(after, goal) - cosine(before, goal)))
        }
        // The mean of the shifts is what a ranking says, which leaves out genes that stay where they are.
        if mode == .delete || mode == .inhibit {
            var ranked = KnockoutOptions(from: Self.sick, to: Self.healthy)
            ranked.genes = options.genes
            ranked.mode = mode
            for gene in try database.knockouts(options: ranked).ranking {
                let shifts = answer.results.filter { result in
                    guard result.gene?.geneID == gene.geneID, mode == .inhibit else {
                        return result.gene?.geneID == gene.geneID
                    }
                    let row = oracle.exports.ids.firstIndex(of: result.cell) ?? 0
                    return result.position != oracle.genes(row).count - 1
                }.compactMap(\.shift)
                #expect(shifts.count == gene.cells)
                #expect(Self.near(gene.shift, shifts.reduce(0, +) / Double(shifts.count)))
            }
        }
    }

    @Test("several genes together", arguments: [KnockoutOptions.Mode.delete, .overexpress])
    func together(mode: KnockoutOptions.Mode) throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: false)
        let tiny = oracle.space.tiny
        let tokens = [9, 30, 5, 51].map { UInt32($0) }
        // One is named twice.
        var options = PerturbOptions(cells: Self.sick, genes: (tokens + [9]).map(tiny.symbol))
        options.mode = mode
        options.together = true
        let answer = try database.perturb(options: options)
        let rows = oracle.rows("sick").filter { row in
            mode == .overexpress || tokens.contains { oracle.genes(row).contains($0) }
        }
        #expect(answer.genes.count == 4 && answer.results.map(\.cell) == rows.map { oracle.exports.ids[$0] })
        for (result, row) in zip(answer.results, rows) {
            #expect(result.gene == nil && result.position == nil && result.shift == nil)
            #expect(result.found == tokens.count { oracle.genes(row).contains($0) })
            let before = try oracle.embed(oracle.genes(row))
            #expect(Self.near(result.similarity, cosine(try oracle.perturbed(row, tokens, mode), before)))
        }
    }

    @Test("all genes of each cell; the same for any number of threads; drawn cells")
    func all() throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: true)
        var options = PerturbOptions(cells: Self.sick, genes: nil)
        options.threads = 1
        let one = try database.perturb(options: options)
        options.threads = 2
        let two = try database.perturb(options: options)
        #expect(one.results.map(\.similarity) == two.results.map(\.similarity))
        let expected = oracle.rows("sick").filter { oracle.genes($0).count > 1 }.flatMap { row in
            oracle.genes(row).map { "\(oracle.exports.ids[row]) \(oracle.space.tiny.symbol(of: $0))" }
        }
        #expect(one.results.map { "\($0.cell) \($0.gene?.gene ?? "")" } == expected)
        #expect(Set(one.genes.map(\.gene)) == Set(one.results.compactMap { $0.gene?.gene }))
        options.maximumCells = 3
        options.seed = 4
        let few = try database.perturb(options: options)
        #expect(few.cells == 3)
        let cells = Set(few.results.map(\.cell))
        #expect(few.results.map(\.similarity) == one.results.filter { cells.contains($0.cell) }.map(\.similarity))
    }

    @Test("stopped at any moment: the answer has the cells that were done, or it is an error")
    func stopped() throws {
        let (_, database) = try PerturbOracle.ingested(isV2: false)
        var options = PerturbOptions(cells: Self.sick, genes: nil)
        options.threads = 1
        let whole = try database.perturb(options: options)
        #expect(!whole.isPartial)
        var seen: Set<Int> = []
        var limit = 0
        while true {
            let asked = Log()
            let stopAt = limit
            let control = Control(isCancelled: {
                asked.add("")
                return asked.count > stopAt
            })
            limit += 37
            do {
                let answer = try database.perturb(options: options, control: control)
                #expect(answer.cells <= whole.cells)
                #expect(answer.isPartial == (answer.results.count < whole.results.count))
                let own = whole.results.prefix(answer.results.count)
                #expect(answer.results.map(\.similarity) == own.map(\.similarity))
                #expect(answer.results.map(\.cell) == own.map(\.cell))
                seen.insert(answer.results.count)
                if !answer.isPartial { break }
            } catch {
                #expect(error.code == .cancelled)
                seen.insert(0)
            }
        }
        #expect(seen.contains(0) && seen.contains(whole.results.count) && seen.count > 2)
    }

    /// A cell whose ranking is the first sequence of the parity files, ingested and perturbed as a user would.
    @Test(
        "deleting each gene changes the cell as in Hugging Face's BERT",
        .enabled(
            if: SharedData.has("parity/geneformer-tiny/expected.safetensors"),
            "skipped: ../shared/parity/geneformer-tiny is not there"),
        arguments: ["geneformer-tiny", "geneformer-tiny-gelu"])
    func parity(name: String) throws {
        let space = try Workspace()
        let source = SharedData.path("parity/\(name)")
        let expected = try SafetensorsFile(path: source + "/expected.safetensors")
        let width = try #require(expected.shape(of: "input_ids")?.last)
        let count = try expected.integers("attention_mask").prefix(width).count { $0 == 1 }
        let tokens = try expected.integers("input_ids").prefix(count).map { Int($0) }
        try #require(count > 30 && Set(tokens).count == count && tokens.allSatisfy { $0 > 1 })

        let model = space.path(name)
        try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
        for file in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(model)/\(file)")
        }
        let ids = (0..<300).map { "ENSG\(String(String(100_000_000_000 + $0).dropFirst()))" }
        let rows = (0..<300).map { $0 < 2 ? "\($0)\t\(["<pad>", "<mask>"][$0])\t\t" : "\($0)\t\(ids[$0])\t\t1" }
        try (["token\tensembl_id\tsymbol\tnonzero_median"] + rows).joined(separator: "\n").write(
            toFile: model + "/vocabulary.tsv", atomically: true, encoding: .utf8)
        let cell = tokens.enumerated().map { (gene: $1, count: count - $0) }
        let cells = try space.matrixFolder("cells", genes: ids, cells: [cell])
        let database = try space.database()
        _ = try database.ingest([cells], options: space.options { $0.model = model })

        let answer = try database.perturb(options: PerturbOptions(cells: #"cell == "cell0""#, genes: nil))
        #expect(answer.results.compactMap(\.gene?.geneID) == tokens.map { ids[$0] })
        #expect(answer.results.map(\.position) == Array(0..<count))
        for (result, cosine) in zip(answer.results, try expected.floats("deletion.cell_cosine")) {
            #expect(abs(result.similarity - Double(cosine)) <= 1e-6)
        }
        // Geneformer's mean over the genes that stay: from the hidden states of each.
        var affected = PerturbOptions(cells: #"cell == "cell0""#, genes: nil)
        affected.affectedGenes = true
        let states = try database.perturb(options: affected).affected
        for (token, mean) in zip(tokens, try expected.floats("deletion.token_cosine_mean")) {
            let own = states.filter { $0.genes[0].geneID == ids[token] }.map(\.mean)
            #expect(own.count == count - 1)
            #expect(abs(own.reduce(0, +) / Double(count - 1) - Double(mean)) <= 1e-6)
        }
        // They are far enough from 1, and from each other, for this to mean something.
        let similarities = answer.results.map(\.similarity)
        #expect((similarities.max() ?? 0) - (similarities.min() ?? 0) > 1e-4)
    }

    @Test("pairs, triples and an anchor: what they do beyond the sum of their genes", arguments: [false, true])
    func synergy(hasGoal: Bool) throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: false)
        let tiny = oracle.space.tiny
        var counts: [UInt32: Int] = [:]
        for row in oracle.rows("sick") { for gene in oracle.genes(row) { counts[gene, default: 0] += 1 } }
        let common = counts.keys.sorted { (counts[$1] ?? 0, $0) < (counts[$0] ?? 0, $1) }
        let sets: [[UInt32]] = [[common[0], common[1]], [common[2], common[0], common[3]], [common[1], common[4]]]
        var options = PerturbOptions(cells: Self.sick, genes: nil)
        options.sets = sets.map { $0.map(tiny.symbol) }
        options.toward = hasGoal ? Self.healthy : nil
        let goal = mean(oracle.rows("healthy").map { oracle.exports.vectors[$0] })
        func effect(_ row: Int, _ genes: [UInt32]) throws -> Double {
            let (before, after) = (try oracle.embed(oracle.genes(row)), try oracle.perturbed(row, genes, .delete))
            return hasGoal ? cosine(after, goal) - cosine(before, goal) : 1 - cosine(after, before)
        }
        func expectSynergies(_ answer: PerturbAnswer, _ expected: [(row: Int, genes: [UInt32])]) throws {
            try #require(!expected.isEmpty && answer.results.count == expected.count)
            for (result, (row, genes)) in zip(answer.results, expected) {
                #expect(result.cell == oracle.exports.ids[row] && result.genes.map(\.gene) == genes.map(tiny.symbol))
                let singles = try genes.reduce(0) { $0 + (try effect(row, [$1])) }
                #expect(Self.near(result.synergy, try effect(row, genes) - singles))
                #expect(result.found == genes.count)
            }
        }
        let rows = oracle.rows("sick")
        let answer = try database.perturb(options: options)
        let whole = rows.flatMap { row in
            sets.filter { $0.allSatisfy(oracle.genes(row).contains) }.map { (row, $0) }
        }
        try expectSynergies(answer, whole)
        #expect(answer.leftOut == rows.count * sets.count - whole.count)

        options.sets = nil
        options.anchor = tiny.symbol(of: common[0])
        options.genes = [common[1], common[6], common[0]].map(tiny.symbol)
        let anchored = rows.flatMap { row in
            [common[1], common[6]].map { [common[0], $0] }.filter { $0.allSatisfy(oracle.genes(row).contains) }.map {
                (row, $0)
            }
        }
        let beside = try database.perturb(options: options)
        try expectSynergies(beside, anchored)
        #expect(beside.results.allSatisfy { $0.gene == $0.genes[1] && $0.position != nil })
        options.genes = nil
        let all = try database.perturb(options: options)
        #expect(
            all.results.count
                == rows.reduce(0) { sum, row in
                    sum
                        + (oracle.genes(row).contains(common[0]) && oracle.genes(row).count > 2
                            ? oracle.genes(row).count - 1 : 0)
                })
    }

    @Test("affected genes: hidden states before and after, over cells", arguments: [false, true])
    func affected(isV2: Bool) throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: isV2)
        let tiny = oracle.space.tiny
        let gene = UInt32(tiny.specials.count + 7)
        var options = PerturbOptions(cells: Self.sick, genes: [tiny.symbol(of: gene)])
        options.affectedGenes = true
        let answer = try database.perturb(options: options)
        func states(_ genes: [UInt32]) throws -> [UInt32: [Float]] {
            let weights = try oracle.space.weights()
            let tokens = tiny.isV2 ? [2] + genes + [3] : genes
            var workspace = BertWorkspace(weights.configuration, maximumLength: tokens.count)
            try BertEncoder(weights).forward(tokens.span, through: 1, workspace: &workspace)
            let states = try workspace.hiddenStates()
            return Dictionary(
                uniqueKeysWithValues: genes.enumerated().map { ($1, Array(states[row: $0 + (tiny.isV2 ? 1 : 0)])) })
        }
        var cosines: [UInt32: [Double]] = [:]
        for row in oracle.rows("sick") where oracle.genes(row).contains(gene) {
            let tokens = oracle.exports.tokens[row]
            let position = try #require(tokens.firstIndex(of: gene))
            let before = try states(oracle.genes(row))
            let after = try DeletedGene(position, of: tokens, oracle.space.weights(), isV2: isV2).states
            for (place, token) in oracle.changed(row, [gene], .delete).enumerated() {
                let state = Array(after[row: place + (isV2 ? 1 : 0)])
                cosines[token, default: []].append(cosine(state, before[token] ?? []))
            }
        }
        #expect(answer.affected.count == cosines.count && !cosines.isEmpty)
        for row in answer.affected {
            let own = try #require(tiny.token(ofID: row.affected.geneID).flatMap { cosines[$0] })
            let middle = own.reduce(0, +) / Double(own.count)
            #expect(row.genes.map(\.gene) == [tiny.symbol(of: gene)] && row.cells == own.count)
            #expect(abs(row.mean - middle) < 1e-9)
            let variance = own.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(own.count)
            #expect(abs(row.deviation - variance.squareRoot()) < 1e-6)
        }
        #expect(answer.affected.map(\.mean) == answer.affected.map(\.mean).sorted())
        options.affectedGenes = false
        let plain = try database.perturb(options: options)
        #expect(plain.affected.isEmpty && plain.results.map(\.similarity) == answer.results.map(\.similarity))
    }

    @Test("without a goal: beyond a gene's place; neighbors before and after")
    func rest() throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: false)
        var options = PerturbOptions(cells: Self.sick, genes: nil)
        options.neighbors = 3
        let answer = try database.perturb(options: options)
        let cells = Dictionary(grouping: answer.results, by: \.cell)
        for (cell, results) in cells {
            let row = try #require(oracle.exports.ids.firstIndex(of: cell))
            let effects = results.map { 1 - $0.similarity }
            for (index, result) in results.enumerated() where results.count > 2 {
                let near = effects.indices.filter { abs($0 - index) <= 10 && $0 != index }.map { effects[$0] }
                #expect(Self.near(result.beyondPosition, effects[index] - near.reduce(0, +) / Double(near.count)))
            }
            let others = oracle.exports.ids.indices.filter { $0 != row }
            func nearest(_ vector: [Float]) -> [String] {
                BruteForce(vectors: oracle.exports.vectors).nearest(to: vector, among: others).prefix(3)
                    .map { oracle.exports.ids[$0.row] }
            }
            let some = results[results.count / 2]
            let token = try #require(some.gene.flatMap { oracle.space.tiny.token(ofID: $0.geneID) })
            #expect(some.neighborsBefore == nearest(try oracle.embed(oracle.genes(row))))
            #expect(some.neighborsAfter == nearest(try oracle.perturbed(row, [token], .delete)))
        }
        #expect(answer.positionCorrelation != nil)
    }

    @Test("wrong requests are refused")
    func wrong() throws {
        let (_, database) = try PerturbOracle.ingested(isV2: false)
        func code(_ genes: [String]?, _ change: (inout PerturbOptions) -> Void = { _ in }) -> EmbDBError.Code? {
            var options = PerturbOptions(cells: Self.sick, genes: genes)
            change(&options)
            do {
                _ = try database.perturb(options: options)
                return nil
            } catch { return error.code }
        }
        #expect(code(["GENE99"]) == .unknownGene)
        #expect(code(["<mask>"]) == .unknownGene)
        #expect(code(["GENE1"]) { $0.cells = "n_genes < 0" } == .nothingFound)
        #expect(code(["GENE1"]) { $0.toward = "n_genes < 0" } == .nothingFound)
        #expect(code(["GENE1"]) { $0.cells = #"state == "no""# } == .expression)
        #expect(code(["GENE1"]) { $0.maximumCells = 0 } == .usage)
        #expect(code(nil) { $0.together = true } == .usage)
        #expect(code([]) == .usage)
        #expect(code(["GENE1"]) { $0.quartiles = 4 } == .usage)
        #expect(code(["GENE1"]) { $0.neighbors = -1 } == .usage)
        #expect(code(["GENE1"]) { $0.anchor = "GENE1" } == .usage)
        #expect(code(["GENE1"]) { $0.anchor = "GENE99" } == .unknownGene)
        #expect(code(nil) { $0.sets = [["GENE1", "GENE1"]] } == .usage)
        #expect(
            code(["GENE1"]) {
                $0.together = true
                $0.anchor = "GENE2"
            } == .usage)
    }
}
