import CellTransformer
import EmbDB
import Foundation
import Numerics
import Testing

@Suite("ingest")
struct IngestTests {
    @Test("embeddings are those of the embedder on the exported tokens", arguments: [false, true])
    func embeddings(isV2: Bool) throws {
        let space = try Workspace(isV2: isV2)
        for (layer, pooling) in [(nil, nil), (.last, .mean)] as [(EmbeddingLayer?, EmbeddingPooling?)] {
            let database = try space.ingested([Fixture.small], name: UUID().uuidString) {
                $0.embed = layer
                $0.pool = pooling
            }
            let exports = try space.exports(database)
            let info = try database.info()
            #expect(info.layer == (layer ?? .secondToLast))
            #expect(info.pooling == (pooling ?? (isV2 ? .cls : .mean)))
            let inputs = exports.tokens.map { tokens in
                isV2 ? CellInput(tokens: tokens, genes: 1..<tokens.count - 1) : CellInput(tokens: tokens)
            }
            if isV2 { #expect(exports.tokens.allSatisfy { $0.first == 2 && $0.last == 3 }) }
            let embedder = CellEmbedder(
                try space.weights(), layer: layer == .last ? .last : .secondToLast,
                pooling: isV2 && pooling == nil ? .cls : .mean, threads: 1)
            let expected = try embedder.embed(inputs)
            #expect(exports.vectors.flatMap { $0 } == expected.values)
            #expect(exports.ids.count == 47 && exports.tokens.count == 47)
        }
    }

    @Test("one and two threads give the same exports, twice the same file gives the same exports")
    func threads() throws {
        let space = try Workspace()
        let one = try space.ingested([Fixture.small, Fixture.broken], name: "1") { $0.threads = 1 }
        let two = try space.ingested([Fixture.small, Fixture.broken], name: "2") { $0.threads = 2 }
        let odd = try space.ingested([Fixture.small, Fixture.broken], name: "0") { $0.threads = -1 }
        let expected = try space.exports(one)
        #expect(try space.exports(two) == expected)
        #expect(try space.exports(odd) == expected)
    }

    @Test("the report counts what was read, left out and cut")
    func report() throws {
        let space = try Workspace()
        let database = try space.database()
        let report = try database.ingest([Fixture.small], options: space.options())
        #expect(report.cellsAdded == 47)
        #expect(report.cellsSkipped == ["no_known_gene": 1])
        #expect(report.genesMatched == 60 && report.genesTotal == 64)
        #expect(report.layer == "X" && report.geneColumn == "index")
        #expect(report.truncatedCells > 0)
        #expect(report.truncatedCells == (try cutCells(space, database)))
        #expect(!report.wasComplete && !report.wasResumed)
        #expect(report.database.cells == 47 && report.database.dimension == TinyModel.hidden)
        #expect(report.database.model?.isUntrained == true)
        let info = try database.info()
        #expect(info.obs.map(\.name) == ["state", "donor", "n_genes", "score", "flag", "note"])
        #expect(info.obs.map(\.type) == ["category", "category", "integer", "number", "boolean", "category"])
        #expect(info.index.indexed == 0 && info.index.tail == 47 && info.index.deleted == 0)
        #expect(info.pendingIngest == nil)

        let again = try database.ingest([Fixture.small], options: space.options())
        #expect(again.wasComplete && again.cellsAdded == 0)
        #expect(try database.info().summary.cells == 47)
    }

    /// Cells with as many tokens as the model takes are cut, unless they have exactly so many genes.
    private func cutCells(_ space: Workspace, _ database: Database) throws -> Int {
        let full = try space.exports(database).tokens.enumerated().filter {
            $0.element.count == space.tiny.maximumLength
        }
        let counts = try FixtureCounts(Fixture.small)
        let exports = try space.exports(database)
        return full.filter { (counts.genes(ofCell: exports.ids[$0.offset])) > space.tiny.maximumLength }.count
    }

    @Test("cells that are there already: an error that changes nothing, skipped, or replaced")
    func conflicts() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let before = try space.exports(database)

        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest([Fixture.other], options: space.options())
        }
        #expect(error?.code == .duplicateCells)
        #expect(error?.message.contains("cell-36") == true)
        #expect(try space.exports(database) == before)
        #expect(try database.info().pendingIngest == nil)

        let skipping = try Database.open(space.copy(database, to: "skip"), access: .readWrite)
        let skipped = try skipping.ingest([Fixture.other], options: space.options { $0.onConflict = .skip })
        #expect(skipped.cellsAdded == 18 && skipped.cellsSkipped == ["already_present": 12])
        let kept = try space.exports(skipping)
        #expect(kept.ids == before.ids + (48..<66).map { "cell-\($0)" })
        #expect(Array(kept.vectors.prefix(47)) == before.vectors)

        let alone = try space.exports(space.ingested([Fixture.other], name: "alone"))
        let replacing = try Database.open(space.copy(database, to: "replace"), access: .readWrite)
        let replaced = try replacing.ingest([Fixture.other], options: space.options { $0.onConflict = .replace })
        #expect(replaced.cellsAdded == 30)
        let after = try space.exports(replacing)
        let stay = before.ids.filter { !alone.ids.contains($0) }
        #expect(after.ids == stay + alone.ids)
        #expect(Array(after.vectors.suffix(30)) == alone.vectors)
        #expect(try replacing.info().index.deleted == 12)
        #expect(try replacing.info().summary.cells == 65)
        // The new row answers under the id, the old one never.
        let answer = try replacing.nearest(.cells(["cell-40"]), options: Self.all)
        #expect(Set(answer.queries[0].neighbors.map(\.cell)) == Set(after.ids).subtracting(["cell-40"]))
        #expect(answer.queries[0].neighbors.count == 64)
        #expect(try Database.verify(replacing.path).fault == nil)

        // Replaced once more: rows pile up, ids do not.
        _ = try replacing.ingest(
            [Fixture.other],
            options: space.options {
                $0.onConflict = .replace
                $0.filter = #"cell in ["cell-40", "cell-50"]"#
            })
        #expect(try replacing.info().summary.cells == 65)
        #expect(try replacing.info().index.deleted == 14)
        #expect(try Database.verify(replacing.path).fault == nil)
    }

    private static var all: NearestOptions {
        var options = NearestOptions()
        options.k = 1000
        return options
    }

    @Test("a prefix makes other cells of the same ids; an id twice in one go is an error")
    func prefixes() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.ingest([Fixture.small], options: space.options { $0.idPrefix = "x/" })
        let exports = try space.exports(database)
        #expect(exports.ids.suffix(47) == exports.ids.prefix(47).map { "x/" + $0 }[...])
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest([Fixture.other, Fixture.other], options: space.options { $0.idPrefix = "y/" })
        }
        #expect(error?.code == .duplicateCells)
        #expect(error?.message.contains("y/cell-") == true)
        #expect(try space.exports(database) == exports)
        let long = #expect(throws: EmbDBError.self) {
            _ = try database.ingest(
                [Fixture.other], options: space.options { $0.idPrefix = String(repeating: "p", count: 500) })
        }
        #expect(long?.code == .input)
        let named = try space.ingested([Fixture.other], name: "named") { $0.cellColumn = "barcode" }
        #expect(try space.exports(named).ids == (0..<30).map { "bar-\($0)" })
    }

    @Test("only cells that the expression selects; a sample is drawn by the seed, in the files' order")
    func filterAndSample() throws {
        let space = try Workspace()
        let whole = try space.exports(space.ingested([Fixture.small]))
        let filtered = try space.exports(
            space.ingested([Fixture.small], name: "f") { $0.filter = #"state == "sick" and n_genes > 10"# })
        let rows = whole.ids.indices.filter {
            whole.obs[$0]["state"] == "sick" && (Int(whole.obs[$0]["n_genes"] ?? "") ?? 0) > 10
        }
        #expect(!rows.isEmpty && rows.count < whole.ids.count)
        #expect(filtered.ids == rows.map { whole.ids[$0] })
        #expect(filtered.vectors == rows.map { whole.vectors[$0] })

        func sample(_ seed: UInt64, _ name: String) throws -> Exports {
            try space.exports(
                space.ingested([Fixture.small, Fixture.broken], name: name) {
                    $0.sample = 40
                    $0.seed = seed
                })
        }
        let (one, same, two) = (try sample(1, "s1"), try sample(1, "s1b"), try sample(2, "s2"))
        #expect(one == same)
        #expect(one.ids != two.ids)
        #expect((39...40).contains(one.ids.count), "cell-5 may be drawn, and has no known gene")
        #expect(one.ids.contains { $0.hasPrefix("cell-") } && one.ids.contains { $0.hasPrefix("b") })
        let nobody = #expect(throws: EmbDBError.self) {
            _ = try space.ingested([Fixture.small], name: "n") { $0.filter = "n_genes < 0" }
        }
        #expect(nobody?.code == .nothingFound)
        for count in [0, -1] {
            let none = #expect(throws: EmbDBError.self) {
                _ = try space.ingested([Fixture.small], name: "n\(count)") { $0.sample = count }
            }
            #expect(none?.code == .usage)
        }
    }

    @Test("obs columns are united; what a file does not have is missing")
    func union() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.ingest([Fixture.other], options: space.options { $0.onConflict = .skip })
        let exports = try space.exports(database)
        #expect(exports.columns == ["cell", "state", "donor", "n_genes", "score", "flag", "note", "batch", "barcode"])
        for (row, obs) in exports.obs.enumerated() {
            let isOther = row >= 47
            #expect(obs["donor"]?.isEmpty == true || !isOther)
            #expect((obs["batch"]?.isEmpty == true) == !isOther)
            #expect((obs["flag"]?.isEmpty == true) == isOther)
            #expect((obs["n_genes"]?.isEmpty == true) == isOther)
        }
        var options = NearestOptions()
        options.k = 100
        options.filter = "batch is missing"
        let old = try database.nearest(.vectors([exports.vectors[0]]), options: options)
        #expect(Set(old.queries[0].neighbors.map(\.cell)) == Set(exports.ids.prefix(47)))
        options.filter = #"state == "new""#
        let new = try database.nearest(.vectors([exports.vectors[0]]), options: options)
        #expect(
            Set(new.queries[0].neighbors.map(\.cell))
                == Set(exports.obs.filter { $0["state"] == "new" }.compactMap { $0["cell"] }))
        #expect(!new.queries[0].neighbors.isEmpty)
    }

    @Test("a column that changes its type is refused by name, and nothing is changed")
    func types() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let before = try space.exports(database)
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest([Fixture.typed], options: space.options())
        }
        #expect(error?.code == .input)
        #expect(error?.message.contains("n_genes") == true && error?.message.contains("typed.h5ad") == true)
        let together = #expect(throws: EmbDBError.self) {
            _ = try space.ingested([Fixture.small, Fixture.typed], name: "t")
        }
        #expect(together?.code == .input)
        #expect(together?.message.contains("small.h5ad") == true)
        #expect(try space.exports(database) == before)
    }

    @Test("another model, layer or pooling than the database has is refused")
    func otherModel() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let other = try Workspace(seed: 8)
        func code(_ options: IngestOptions) -> EmbDBError.Code? {
            do {
                _ = try database.ingest([Fixture.broken], options: options)
                return nil
            } catch { return error.code }
        }
        #expect(code(other.options()) == .model)
        #expect(code(space.options { $0.embed = .last }) == .usage)
        #expect(code(space.options { $0.pool = .cls }) == .usage)
        #expect(code(space.options { $0.model = space.path("nowhere") }) == .model)
        #expect(try database.info().summary.cells == 47)
        // The stored model needs no folder.
        try FileManager.default.removeItem(atPath: space.model)
        #expect(code(space.options { $0.model = nil }) == nil)
        #expect(try database.info().summary.cells == 307)
        let fresh = try space.database("fresh")
        let error = #expect(throws: EmbDBError.self) {
            _ = try fresh.ingest([Fixture.small], options: space.options { $0.model = nil })
        }
        #expect(error?.code == .usage)
    }

    @Test(
        "a file of 30,000 genes that the model does not know is refused with the likely reason; a few known ones are enough"
    )
    func unknownGenes() throws {
        let space = try Workspace()
        let numbers = 0..<30_000
        let cells = [[(gene: 0, count: 3), (gene: 1, count: 2), (gene: 29_999, count: 1)]]
        for (name, genes, reason) in [
            ("mouse", numbers.map { "ENSMUSG\(10_000_000_000 + $0)" }, "ENSMUSG… is mouse, the model is human"),
            ("symbols", numbers.map { "UNKNOWN-\($0)" }, "UNKNOWN-0, UNKNOWN-1, UNKNOWN-2 are neither"),
            ("titles", numbers.map { "Gm\($0)" }, "look like mouse or rat symbols"),
        ] {
            let folder = try space.matrixFolder(name, genes: genes, cells: cells)
            let error = #expect(throws: EmbDBError.self) {
                _ = try Database.ingest([folder], into: space.path(name + ".embdb"), options: space.options())
            }
            #expect(error?.code == .input)
            #expect(error?.message.contains("0 of 30,000 genes known") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(!FileManager.default.fileExists(atPath: space.path(name + ".embdb")))
        }
        let known = numbers.map {
            $0 % 15_000 < 2 ? space.tiny.id(of: UInt32($0 % 15_000 + $0 / 15_000 + 2)) ?? "" : "UNKNOWN-\($0)"
        }
        let folder = try space.matrixFolder("known", genes: known, cells: cells)
        let report = try space.database().ingest([folder], options: space.options())
        #expect(report.genesMatched == 4 && report.genesTotal == 30_000 && report.cellsAdded == 1)
    }
}
