import EmbDB
import Foundation
import Synchronization
import Testing

@Suite("import of precomputed embeddings")
struct ImportTests {
    static func options(_ key: String = "X_full", _ change: (inout ImportOptions) -> Void = { _ in }) -> ImportOptions {
        var options = ImportOptions(obsm: key)
        change(&options)
        return options
    }

    /// A new database with the 120 cells of `vectors`.
    static func imported(
        _ space: Workspace, name: String = "test.embdb", key: String = "X_full",
        _ change: (inout ImportOptions) -> Void = { _ in }
    ) throws -> Database {
        let database = try space.database(name)
        _ = try database.importEmbeddings([Fixture.vectors], options: options(key, change))
        return database
    }

    /// The embeddings as the fixture's maker computed them.
    static let expected = (0..<120).map { Fixture.embedding(row: $0 == 101 ? 100 : $0) }

    @Test("embeddings, ids and obs are the file's, to the bit; nothing of a model is there")
    func contents() throws {
        let space = try Workspace()
        let database = try space.database()
        let report = try database.importEmbeddings([Fixture.vectors], options: Self.options())
        #expect(report.cellsAdded == 120 && report.cellsSkipped.isEmpty && report.layer == "obsm/X_full")
        #expect(report.database.cells == 120 && report.database.dimension == 12 && report.database.model == nil)
        let stem = space.path("out")
        #expect(try database.exportEmbeddings(to: stem + ".npy") == 120)
        let matrix = try NumPyArray(Data(contentsOf: URL(fileURLWithPath: stem + ".npy")))
        #expect(matrix.rows.map { $0.map { Float($0) } } == Self.expected)
        let ids = try String(contentsOfFile: stem + ".npy.ids.txt", encoding: .utf8)
        #expect(ids == (0..<120).map { "v\($0)\n" }.joined())
        _ = try database.exportObs(to: stem + ".tsv")
        let obs = try String(contentsOfFile: stem + ".tsv", encoding: .utf8).split(separator: "\n")
        #expect(obs[0] == "cell\tkind\tcluster\tflag\tscore\tnothing")
        #expect(obs[6] == "v5\tbeta\t0\tFalse\t1.25\t" && obs[5] == "v4\t\t0\tFalse\t1.0\t")

        let info = try database.info()
        #expect(info.obs.map(\.type) == ["category", "integer", "boolean", "number", "category"])
        #expect(info.obsm == "X_full" && info.metric == .cosine && info.layer == nil && info.pooling == nil)
        #expect(info.summary.model == nil && info.genes == nil && info.pendingIngest == nil)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("neighbors by every metric are those of brute force", arguments: EmbeddingMetric.allCases)
    func metrics(metric: EmbeddingMetric) throws {
        let space = try Workspace()
        let database = try Self.imported(space) { $0.metric = metric }
        #expect(try database.info().metric?.rawValue == metric.rawValue)
        func distance(_ a: [Float], _ b: [Float]) -> Double {
            let product = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            switch metric {
            case .cosine: return 1 - cosine(a, b)
            case .l2: return zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
            case .ip: return -product
            }
        }
        var options = NearestOptions()
        options.k = 8
        for row in [0, 17, 100, 119] {
            let found = try database.nearest(.cells(["v\(row)"]), options: options).queries[0].neighbors
            let all = (0..<120).filter { $0 != row }
                .map { (row: $0, distance: distance(Self.expected[row], Self.expected[$0])) }
                .sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }
            #expect(found.count == 8)
            for (cell, right) in zip(found, all) {
                let own = try #require(all.first { "v\($0.row)" == cell.cell })
                let scale = max(1, abs(right.distance))
                #expect(abs(Double(cell.distance) - own.distance) < 1e-5 * scale)
                #expect(abs(own.distance - right.distance) < 1e-5 * scale, "another cell is nearer")
                switch metric {
                case .cosine: #expect(cell.similarity == 1 - cell.distance)
                case .l2: #expect(cell.similarity == nil)
                case .ip: #expect(cell.similarity == -cell.distance)
                }
            }
        }
    }

    @Test("the same again adds nothing; a sample, a selection and a prefix choose and name cells")
    func choices() throws {
        let space = try Workspace()
        let database = try Self.imported(space)
        let again = try database.importEmbeddings([Fixture.vectors], options: Self.options())
        #expect(again.wasComplete && again.cellsAdded == 0 && again.cellsSkipped == ["already_present": 120])
        let code = ResumeTests.code {
            _ = try database.importEmbeddings([Fixture.vectors], options: Self.options { $0.filter = "cluster == 1" })
        }
        #expect(code == .duplicateCells)
        let more = try database.importEmbeddings(
            [Fixture.long],
            options: Self.options {
                $0.sample = 30
                $0.seed = 4
                $0.filter = #"part == "p1""#
                $0.idPrefix = "x-"
            })
        #expect(more.cellsAdded == 30 && more.database.cells == 150)
        let found = try database.nearest(.selection(#"part == "p1""#))
        #expect(found.queries.count == 30)
        #expect(found.queries.allSatisfy { Int($0.name.dropFirst(3)).map { (1000..<2000).contains($0) } ?? false })
        // Several files in one go, with obs columns that only some have.
        let both = try space.database("both")
        #expect(try both.importEmbeddings([Fixture.vectors, Fixture.long], options: Self.options()).cellsAdded == 2720)
        #expect(try both.nearest(.cells(["l7"])).queries[0].neighbors.count == 10)
        #expect(try both.info().index.indexed == 2720)
        #expect(try Database.verify(both.path).fault == nil)
        let skipped = try both.importEmbeddings([Fixture.vectors], options: Self.options { $0.onConflict = .skip })
        #expect(skipped.wasComplete)
        let replaced = try both.importEmbeddings(
            [Fixture.vectors],
            options: Self.options("X_other") {
                $0.onConflict = .replace
            })
        #expect(replaced.cellsAdded == 120 && replaced.database.cells == 2720)
        #expect(try both.info().index.deleted == 120)
    }

    @Test(
        "vectors that cannot be compared are refused with file, key and row",
        arguments: [("X_nan", "NaN", "row 70"), ("X_infinite", "infinite", "row 9"), ("X_zero", "zero", "row 30")])
    func badVectors(key: String, word: String, row: String) throws {
        let space = try Workspace()
        let database = try Self.imported(space)
        let path = space.path("new")
        for target in [path, database.path] {
            let error = #expect(throws: EmbDBError.self) {
                _ = try Database.importEmbeddings(
                    [Fixture.vectors], into: target, options: Self.options(key) { $0.idPrefix = "n-" })
            }
            #expect(error?.code == .input)
            for part in [key, word, row, "vectors.h5ad"] {
                #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            }
        }
        #expect(try database.info().summary.cells == 120 && database.info().pendingIngest == nil)
        // The cell alone is at fault.
        let number = row.split(separator: " ")[1]
        let rest = try database.importEmbeddings(
            [Fixture.vectors],
            options: Self.options(key) {
                $0.idPrefix = "n-"
                $0.filter = #"cell != "v\#(number)""#
            })
        #expect(rest.cellsAdded == 119)
        if key == "X_zero" {
            // Other metrics know what a zero is.
            #expect(
                try Database.importEmbeddings(
                    [Fixture.vectors], into: space.path("l2"), options: Self.options(key) { $0.metric = .l2 }
                ).cellsAdded == 120)
        }
    }

    @Test("another metric, dimension or key: what contradicts the database is refused, and both are named")
    func contradictions() throws {
        let space = try Workspace()
        let database = try Self.imported(space) { $0.metric = .ip }
        func refused(_ code: EmbDBError.Code, _ words: [String], _ body: () throws -> Void) {
            let error = #expect(throws: EmbDBError.self) { try body() }
            #expect(error?.code == code, "\(error?.message ?? "")")
            for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
        }
        let prefixed = Self.options { $0.idPrefix = "n-" }
        refused(.usage, ["ip", "l2", "--metric"]) {
            _ = try database.importEmbeddings([Fixture.long], options: Self.options { $0.metric = .l2 })
        }
        refused(.usage, ["X_short", "5", "12"]) {
            _ = try database.importEmbeddings([Fixture.vectors], options: Self.options("X_short"))
        }
        refused(.input, ["X_ful", "X_full"]) {
            _ = try database.importEmbeddings([Fixture.vectors], options: Self.options("X_ful"))
        }
        // Left out, the metric is the database's.
        #expect(try database.importEmbeddings([Fixture.vectors], options: prefixed).cellsAdded == 120)
        #expect(try database.info().metric == .ip)
        // A key of the same dimension is taken, with a warning that names both.
        let warnings = Log()
        _ = try database.importEmbeddings(
            [Fixture.vectors], options: Self.options("X_other") { $0.idPrefix = "o-" },
            control: Control(warning: { warnings.add($0) }))
        #expect(warnings.lines.contains { $0.contains("X_full") && $0.contains("X_other") })
        #expect(try database.info().obsm == "X_full")
    }

    @Test("embeddings of two models never mix, and what needs a model says so")
    func models() throws {
        let space = try Workspace()
        let database = try Self.imported(space)
        let own = try space.ingested([Fixture.small], name: "own")
        func message(_ body: () throws -> Void) -> (EmbDBError.Code?, String) {
            do {
                try body()
                return (nil, "")
            } catch { return ((error as? EmbDBError)?.code, "\(error)") }
        }
        let ingest = message { _ = try database.ingest([Fixture.small], options: space.options()) }
        #expect(ingest.0 == .model && ingest.1.contains("X_full") && ingest.1.contains("import"))
        let into = message { _ = try own.importEmbeddings([Fixture.vectors], options: Self.options()) }
        #expect(into.0 == .model && into.1.contains("model"))
        var edit = NearestOptions()
        edit.edit = GeneEdit(delete: ["GENE1"])
        let deletion = message { _ = try database.nearest(.cells(["v1"]), options: edit) }
        #expect(deletion.0 == .model && deletion.1.contains("no model"))
        let ranking = message {
            _ = try database.knockouts(options: KnockoutOptions(from: "cluster == 0", to: "cluster == 1"))
        }
        #expect(ranking.0 == .model)
        #expect(message { _ = try database.exportTokens(to: space.path("t.npz")) }.0 == .model)
        #expect(try database.info().summary.cells == 120 && own.info().summary.cells == 47)
    }

    /// Stops an import of `long` behind its first commits.
    private static func stopping() -> Control {
        let seen = Mutex(0)
        return Control(
            progress: { progress in
                guard progress.phase == "importing" else { return }
                seen.withLock { $0 = progress.done }
                if progress.done == 100 { Thread.sleep(forTimeInterval: 0.55) }
            },
            isCancelled: { seen.withLock { $0 } >= 1500 })
    }

    @Test("an interrupted import goes on, and gives what an uninterrupted one would have")
    func resuming() throws {
        let space = try Workspace()
        let whole = try Self.imported(space, name: "whole")
        _ = try whole.importEmbeddings([Fixture.long], options: Self.options())
        let database = try Self.imported(space)
        #expect(
            ResumeTests.code {
                _ = try database.importEmbeddings([Fixture.long], options: Self.options(), control: Self.stopping())
            } == .cancelled)
        let pending = try #require(try database.info().pendingIngest)
        #expect(pending.cellsWritten > 0 && pending.cellsWritten < 2600 && pending.sources == ["long.h5ad"])
        #expect(try database.info().summary.cells == 120)
        #expect(try database.nearest(.cells(["v3"])).queries[0].neighbors.allSatisfy { $0.cell.hasPrefix("v") })
        #expect(try Database.verify(database.path).fault == nil)
        // Something else waits.
        #expect(
            ResumeTests.code {
                _ = try database.importEmbeddings([Fixture.long], options: Self.options { $0.idPrefix = "other" })
            } == .pendingIngest)
        let report = try database.importEmbeddings([Fixture.long], options: Self.options())
        #expect(report.wasResumed && report.cellsAdded == 2600)
        for (ending, export) in [
            (".npy", { try $0.exportEmbeddings(to: $1) }), (".tsv", { try $0.exportObs(to: $1) }),
        ] as [(String, (Database, String) throws -> Int)] {
            #expect(try export(database, space.path("a" + ending)) == 2720)
            #expect(try export(whole, space.path("b" + ending)) == 2720)
            #expect(
                FileManager.default.contentsEqual(atPath: space.path("a" + ending), andPath: space.path("b" + ending)))
        }
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("an unfinished import is in the way of an ingest, until it is dropped")
    func restart() throws {
        let space = try Workspace()
        let database = try space.database()
        #expect(
            ResumeTests.code {
                _ = try database.importEmbeddings([Fixture.long], options: Self.options(), control: Self.stopping())
            } == .cancelled)
        #expect(try database.info().pendingIngest != nil && database.info().metric == nil)
        #expect(
            ResumeTests.code { _ = try database.ingest([Fixture.small], options: space.options()) } == .pendingIngest)
        let report = try database.ingest([Fixture.small], options: space.options { $0.restart = true })
        #expect(report.cellsAdded == 47)
        #expect(try space.exports(database) == space.exports(space.ingested([Fixture.small], name: "alone")))
        #expect(try Database.verify(database.path).fault == nil)
    }
}
