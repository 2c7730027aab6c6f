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

    /// Embeddings from the exported tokens and the weights.
    private struct Oracle {
        let space: Workspace
        let exports: Exports

        func rows(_ state: String) -> [Int] { exports.obs.indices.filter { exports.obs[$0]["state"] == state } }

        /// Genes of a row, without special tokens.
        func genes(_ row: Int) -> [UInt32] {
            space.tiny.isV2 ? Array(exports.tokens[row].dropFirst().dropLast()) : exports.tokens[row]
        }

        func embed(_ genes: [UInt32]) throws -> [Float] {
            let weights = try space.weights()
            let tokens = space.tiny.isV2 ? [2] + genes + [3] : genes
            var workspace = BertWorkspace(weights.configuration, maximumLength: tokens.count)
            try BertEncoder(weights).forward(tokens.span, through: 1, workspace: &workspace)
            let states = try workspace.hiddenStates()
            if space.tiny.isV2 { return Array(states[row: 0]) }
            return mean((0..<states.rows).map { Array(states[row: $0]) })
        }

        /// The cell with genes deleted or in front, as long as the model reads.
        func perturbed(_ row: Int, _ genes: [UInt32], _ mode: KnockoutOptions.Mode) throws -> [Float] {
            let kept = self.genes(row).filter { !genes.contains($0) }
            let room = space.tiny.maximumLength - (space.tiny.isV2 ? 2 : 0)
            return try embed(mode == .delete ? kept : Array((genes + kept).prefix(room)))
        }
    }

    private func oracle(_ isV2: Bool) throws -> (Oracle, Database) {
        let space = try Workspace(isV2: isV2)
        try space.strengthenWeights()
        let database = try space.ingested([Fixture.small])
        return (Oracle(space: space, exports: try space.exports(database)), database)
    }

    private static func near(_ a: Double?, _ b: Double) -> Bool { a.map { abs($0 - b) <= 1e-9 } ?? false }

    @Test(
        "one gene after the other, also such as a cell lacks",
        arguments: [(false, .delete), (false, .overexpress), (true, .delete), (true, .overexpress)]
            as [(Bool, KnockoutOptions.Mode)])
    func single(isV2: Bool, mode: KnockoutOptions.Mode) throws {
        let (oracle, database) = try oracle(isV2)
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
        #expect((mode == .delete) == (answer.leftOut > 0))
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
        // The mean of the shifts is what a ranking says.
        if mode == .delete {
            var ranked = KnockoutOptions(from: Self.sick, to: Self.healthy)
            ranked.genes = options.genes
            for gene in try database.knockouts(options: ranked).ranking {
                let shifts = answer.results.filter { $0.gene?.geneID == gene.geneID }.compactMap(\.shift)
                #expect(shifts.count == gene.cells)
                #expect(Self.near(gene.shift, shifts.reduce(0, +) / Double(shifts.count)))
            }
        }
    }

    @Test("several genes together", arguments: [KnockoutOptions.Mode.delete, .overexpress])
    func together(mode: KnockoutOptions.Mode) throws {
        let (oracle, database) = try oracle(false)
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
        let (oracle, database) = try oracle(true)
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
        // They are far enough from 1, and from each other, for this to mean something.
        let similarities = answer.results.map(\.similarity)
        #expect((similarities.max() ?? 0) - (similarities.min() ?? 0) > 1e-4)
    }

    @Test("wrong requests are refused")
    func wrong() throws {
        let (_, database) = try oracle(false)
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
    }
}
