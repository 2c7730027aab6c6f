import CellTransformer
import EmbDB
import Foundation
import Numerics
import Testing

@Suite("gene embeddings against a plain loop over hidden states")
struct GeneTests {
    /// Means of hidden states by token, from the exported tokens and the weights, in Double.
    struct Oracle {
        var means: [UInt32: [Double]] = [:]
        var cells: [UInt32: Int] = [:]

        init(_ space: Workspace, _ exports: Exports, rows: [Int], layer: Int = 1) throws {
            let weights = try space.weights()
            for row in rows {
                let tokens = exports.tokens[row]
                var workspace = BertWorkspace(weights.configuration, maximumLength: tokens.count)
                try BertEncoder(weights).forward(tokens.span, through: layer, workspace: &workspace)
                let states = try workspace.hiddenStates()
                for (position, token) in tokens.enumerated() where Int(token) >= space.tiny.specials.count {
                    let state = states[row: position].map(Double.init)
                    means[token] = zip(means[token] ?? state.map { _ in 0 }, state).map(+)
                    cells[token, default: 0] += 1
                }
            }
            for (token, count) in cells { means[token] = means[token]?.map { $0 / Double(count) } }
        }

        /// Cosine of two means.
        func similarity(_ a: UInt32, _ b: UInt32) -> Double {
            guard let x = means[a], let y = means[b] else { return .nan }
            func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
            return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
        }
    }

    private func rows(_ exports: Exports, state: String) -> [Int] {
        exports.obs.indices.filter { exports.obs[$0]["state"] == state }
    }

    private func expect(_ genes: GeneExports, _ oracle: Oracle, _ space: Workspace) throws {
        #expect(genes.ids == oracle.means.keys.sorted().map { space.tiny.id(of: $0) })
        #expect(genes.vectors.count == genes.ids.count)
        for (index, token) in oracle.means.keys.sorted().enumerated() {
            #expect(
                genes.table[index]
                    == "\(space.tiny.symbol(of: token))\t\(genes.ids[index])\t\(oracle.cells[token] ?? 0)")
            let mean = try #require(oracle.means[token])
            // A state is rounded to 2⁻²⁴, the mean to f32.
            #expect(zip(genes.vectors[index], mean).allSatisfy { abs(Double($0) - $1) <= 3e-7 * max(1, abs($1)) })
        }
    }

    @Test(
        "all cells and each group, V1 and V2, either layer", arguments: [false, true],
        [EmbeddingLayer.secondToLast, .last])
    func means(isV2: Bool, layer: EmbeddingLayer) throws {
        let space = try Workspace(isV2: isV2)
        try space.strengthenWeights()
        let database = try space.ingested([Fixture.small]) {
            $0.groupGenesBy = "state"
            $0.embed = layer
        }
        let exports = try space.exports(database)
        let index = layer == .last ? 2 : 1
        try expect(
            space.genes(database), Oracle(space, exports, rows: Array(exports.ids.indices), layer: index), space)
        let states = Set(exports.obs.compactMap { $0["state"] }).filter { !$0.isEmpty }.sorted()
        #expect(states.count >= 3)
        for state in states {
            let rows = rows(exports, state: state)
            try expect(space.genes(database, group: state), Oracle(space, exports, rows: rows, layer: index), space)
        }
        let info = try #require(try database.info().geneEmbeddings)
        #expect(info.cells == exports.ids.count && info.outdated == 0 && info.groupedBy == "state")
        #expect(info.groups.map(\.value) == states)
        #expect(info.groups.map(\.cells) == states.map { rows(exports, state: $0).count })
        let report = try Database.verify(database.path)
        #expect(report.fault == nil && report.checked.contains { $0.what == "gene embeddings" && $0.count > 60 })
    }

    @Test("nearest genes by cosine, with their cells", arguments: [nil, "sick"])
    func nearest(group: String?) throws {
        let space = try Workspace()
        try space.strengthenWeights()
        let database = try space.ingested([Fixture.small]) { $0.groupGenesBy = "state" }
        let exports = try space.exports(database)
        let chosen = group.map { rows(exports, state: $0) } ?? Array(exports.ids.indices)
        let oracle = try Oracle(space, exports, rows: chosen)
        for minimum in [1, 4] {
            for token in oracle.means.keys.sorted().prefix(12) {
                var options = GeneOptions()
                options.group = group
                options.k = 7
                options.minimumCells = minimum
                let answer = try database.nearestGenes(to: space.tiny.symbol(of: token), options: options)
                #expect(answer.gene == space.tiny.symbol(of: token) && answer.geneID == space.tiny.id(of: token))
                #expect(answer.group == group && answer.cells == oracle.cells[token])
                let expected = oracle.means.keys.filter { $0 != token && (oracle.cells[$0] ?? 0) >= minimum }
                    .map { (oracle.similarity(token, $0), $0) }.sorted { ($1.0, $0.1) < ($0.0, $1.1) }.prefix(7)
                #expect(answer.neighbors.map(\.rank) == Array(1...7))
                for (neighbor, (similarity, other)) in zip(answer.neighbors, expected) {
                    #expect(neighbor.geneID == space.tiny.id(of: other))
                    #expect(abs(neighbor.similarity - similarity) < 1e-6)
                    #expect(neighbor.cells == oracle.cells[other])
                }
            }
        }
    }

    @Test("after the fact to the bit what an ingest brings along; stored if the database can be written")
    func afterTheFact() throws {
        let space = try Workspace()
        let grouped = try space.ingested([Fixture.small, Fixture.broken], name: "grouped") {
            $0.groupGenesBy = "state"
            $0.threads = 1
        }
        let plain = try space.ingested([Fixture.small, Fixture.broken], name: "plain")
        #expect(try space.genes(plain) == space.genes(grouped))
        #expect(try plain.info().geneEmbeddings?.groups.isEmpty == true)

        let reader = try Database.open(space.copy(plain, to: "copy"))
        let warnings = Log()
        let control = Control(warning: { warnings.add($0) })
        for count in 1...2 {
            let genes = try space.genes(reader, group: "sick", by: "state", control: control)
            #expect(try genes == space.genes(grouped, group: "sick"))
            // Computed for each of the two files, every time.
            #expect(warnings.lines.count == 2 * count)
        }
        #expect(try reader.info().geneEmbeddings?.groupedBy == nil)
        let error = #expect(throws: EmbDBError.self) { _ = try reader.groupGenes(by: "state") }
        #expect(error?.code == .usage)

        #expect(try plain.groupGenes(by: "state", threads: 2)?.groups.count == 3)
        for group in [nil, "sick", "healthy", "between"] {
            #expect(try space.genes(plain, group: group, control: control) == space.genes(grouped, group: group))
        }
        #expect(warnings.lines.count == 4, "nothing is left to compute")
        #expect(try Database.verify(plain.path).fault == nil)
        // Another column takes the place of the first.
        #expect(try plain.groupGenes(by: "batch")?.groupedBy == "batch")
        #expect(try space.genes(plain) == space.genes(grouped))
    }

    @Test("more cells, on top of groups, without the flag and with it; replaced cells are taken away")
    func growing() throws {
        let space = try Workspace()
        let whole = try space.ingested([Fixture.small, Fixture.broken], name: "whole") { $0.groupGenesBy = "state" }
        let database = try space.ingested([Fixture.small]) { $0.groupGenesBy = "state" }
        _ = try database.ingest([Fixture.broken], options: space.options())
        for group in [nil, "sick"] {
            #expect(try space.genes(database, group: group) == space.genes(whole, group: group))
        }
        let replacing = space.options { $0.onConflict = .replace }
        _ = try database.ingest([Fixture.other], options: replacing)
        #expect(try database.info().geneEmbeddings?.outdated == 12)
        let exports = try space.exports(database)
        try expect(space.genes(database), Oracle(space, exports, rows: Array(exports.ids.indices)), space)
        #expect(try database.info().geneEmbeddings?.outdated == 0)
        #expect(try Database.verify(database.path).fault == nil)
        // Grouped by another column as cells come.
        let late = try space.ingested([Fixture.small], name: "late")
        _ = try late.ingest([Fixture.broken], options: space.options { $0.groupGenesBy = "state" })
        #expect(try space.genes(late, group: "sick") == space.genes(whole, group: "sick"))
    }

    @Test(
        "an interrupted and resumed ingest gives the same bytes, wherever its sums were last stored",
        arguments: [0.0, 60])
    func resuming(secondsBetweenStores: Double) throws {
        let space = try Workspace()
        let files = [Fixture.small, Fixture.broken]
        func options() -> IngestOptions {
            space.options {
                $0.groupGenesBy = "state"
                $0.secondsBetweenGeneStores = secondsBetweenStores
            }
        }
        let whole = try space.ingested(files, name: "whole") { $0.groupGenesBy = "state" }
        let database = try space.database()
        for stop in [1, 2, 3] {
            #expect(
                ResumeTests.code {
                    _ = try database.ingest(files, options: options(), control: ResumeTests.stopping(at: stop))
                } == .cancelled)
            #expect(try database.info().geneEmbeddings == nil)
            #expect(try Database.verify(database.path).fault == nil)
        }
        #expect((try database.info().pendingIngest?.cellsWritten ?? 0) > 100)
        let other = space.options { $0.groupGenesBy = "batch" }
        #expect(ResumeTests.code { _ = try database.ingest(files, options: other) } == .pendingIngest)
        // Without the flag it is still the same ingest.
        _ = try database.ingest(files, options: space.options())
        for group in [nil, "sick", "healthy", "between"] {
            #expect(try space.genes(database, group: group) == space.genes(whole, group: group))
        }
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("what is dropped leaves nothing behind, and an older file has none until it is asked")
    func dropped() throws {
        let space = try Workspace()
        let expected = try space.ingested([Fixture.small], name: "expected")
        let database = try space.database()
        #expect(
            ResumeTests.code {
                _ = try database.ingest(
                    [Fixture.broken], options: space.options { $0.secondsBetweenGeneStores = 0 },
                    control: ResumeTests.stopping(at: 2))
            } == .cancelled)
        _ = try database.ingest([Fixture.small], options: space.options { $0.restart = true })
        #expect(try space.genes(database) == space.genes(expected))
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("wrong genes, groups and columns are refused before anything is computed")
    func wrong() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let before = try Data(contentsOf: URL(fileURLWithPath: database.path))
        func error(_ gene: String, _ change: (inout GeneOptions) -> Void = { _ in }) -> EmbDBError? {
            var options = GeneOptions()
            change(&options)
            do {
                _ = try database.nearestGenes(to: gene, options: options)
                return nil
            } catch { return error }
        }
        #expect(error("GENE1")?.code == nil)
        #expect(error("GENE99")?.code == .unknownGene)
        #expect(error("<mask>")?.code == .unknownGene)
        #expect(error("GENE1") { $0.k = 0 }?.code == .usage)
        #expect(error("GENE1") { $0.group = "sick" }?.message.contains("--group-genes-by") == true)
        #expect(error("GENE1") { $0.groupBy = "stat" }?.message.contains("state") == true)
        #expect(error("GENE1") { ($0.groupBy, $0.group) = ("state", "sik") }?.message.contains("sick") == true)
        let numbers = try #require(try database.info().obs.first { $0.type == "number" }?.name)
        #expect(error("GENE1") { $0.groupBy = numbers }?.code == .usage)
        #expect(try Data(contentsOf: URL(fileURLWithPath: database.path)) == before)
        for column in ["no", numbers] {
            #expect(
                ResumeTests.code {
                    _ = try Database.ingest(
                        [Fixture.small], into: space.path("n"), options: space.options { $0.groupGenesBy = column })
                } == .usage)
            #expect(!FileManager.default.fileExists(atPath: space.path("n")))
        }
    }
}

/// What the exports of gene embeddings say.
struct GeneExports: Equatable {
    let bytes: [Data]
    let ids: [String]
    let vectors: [[Float]]
    /// Lines without the header.
    let table: [String]

    static func == (a: GeneExports, b: GeneExports) -> Bool { a.bytes == b.bytes }
}

extension Workspace {
    func genes(
        _ database: Database, group: String? = nil, by column: String? = nil, control: Control = Control()
    ) throws -> GeneExports {
        var options = GeneOptions()
        options.group = group
        options.groupBy = column
        let stem = path(UUID().uuidString)
        let count = try database.exportGeneEmbeddings(to: stem + ".npy", options: options, control: control)
        let rows = try database.exportGeneTable(to: stem + ".tsv", options: options, control: control)
        let bytes = try [".npy", ".npy.ids.txt", ".tsv"].map { try Data(contentsOf: URL(fileURLWithPath: stem + $0)) }
        let array = try NumPyArray(bytes[0])
        #expect(array.shape == [count, TinyModel.hidden] && rows == count)
        func lines(_ data: Data) -> [String] {
            String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
        }
        #expect(lines(bytes[2]).first == "gene\tgene_id\tcells")
        return GeneExports(
            bytes: bytes, ids: lines(bytes[1]), vectors: array.rows.map { $0.map { Float($0) } },
            table: Array(lines(bytes[2]).dropFirst()))
    }
}
