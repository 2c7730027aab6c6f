import EmbDB
import Foundation
import TestSupport
import Testing

@Suite("compact")
struct CompactTests {
    @Test("what is left is what was there, in order; the space is given back, and everybody goes on")
    func compacted() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small, Fixture.broken])
        let other = try Database.open(database.path)
        let all = try space.exports(database)
        let donor = try #require(all.obs[0]["donor"])
        let dropped = try database.delete(where: "donor == \"\(donor)\" or cell == \"\(all.ids[60])\"").cellsDeleted
        let before = try space.exports(database)
        let planned = try other.compact(options: Self.dryRun)
        let report = try database.compact()
        #expect(planned.cells == report.cells && planned.rowsDropped == report.rowsDropped)
        #expect(report.rowsDropped == dropped && report.cells == before.ids.count)
        #expect(report.bytesAfter < report.bytesBefore && report.bytesAfter <= planned.bytesAfter)
        for opened in [database, other, try Database.open(database.path)] {
            #expect(try space.exports(opened) == before)
            let info = try opened.info()
            #expect(info.index.deleted == 0 && info.summary.cells == before.ids.count)
            #expect(info.fileBytes == report.bytesAfter)
        }
        #expect(try Database.verify(database.path).fault == nil)
        // Of the first file cells are missing, so that it is ingested; the second lost one too.
        let back = try database.ingest([Fixture.small], options: space.options { $0.onConflict = .skip })
        #expect(back.cellsAdded > 0)
        #expect(try space.exports(database).ids.count == before.ids.count + back.cellsAdded)
        #expect(try Database.verify(database.path).fault == nil)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: space.folder.file("")).filter {
                $0.contains("-compact") || $0.contains("-swap")
            } == [])
    }

    private static var dryRun: CompactOptions {
        var options = CompactOptions()
        options.dryRun = true
        return options
    }

    @Test("a complete ingest stays complete; names that no cell has are forgotten; gene embeddings are exact")
    func records() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.ingest([Fixture.broken], options: space.options())
        _ = try database.groupGenes(by: "batch")
        let all = try space.exports(database)
        let gone = try #require(all.obs[0]["state"])
        func cells(_ ids: some Sequence<String>) -> String { "cell in [\"\(ids.joined(separator: "\", \""))\"]" }
        let small = all.ids.prefix(47)
        _ = try database.delete(where: "state == \"\(gone)\" and \(cells(small))")
        _ = try database.delete(where: cells(space.exports(database).ids.filter(small.contains)))
        _ = try database.compact()
        #expect(try database.info().geneEmbeddings?.outdated == 0 || database.info().geneEmbeddings?.cells == 0)
        #expect(try database.ingest([Fixture.broken], options: space.options()).wasComplete)
        #expect(try Database.verify(database.path).fault == nil)
        let expected = try space.ingested([Fixture.broken], name: "expected")
        for database in [database, expected] {
            _ = try database.groupGenes(by: "batch")
            _ = try database.exportGeneEmbeddings(to: database.path + ".npy")
        }
        let bytes = try [database, expected].map { try Data(contentsOf: URL(fileURLWithPath: $0.path + ".npy")) }
        #expect(bytes[0] == bytes[1])
        let columns = try space.exports(expected).columns
        #expect(
            try space.exports(database).obs.map { row in columns.map { row[$0] } }
                == space.exports(expected).obs.map { row in columns.map { row[$0] } })
    }

    @Test("the index is built anew over the cells that are left")
    func index() throws {
        let space = try Workspace()
        let database = try space.database()
        var options = ImportOptions(obsm: "X_full")
        options.metric = .cosine
        _ = try database.importEmbeddings([Fixture.long], options: options)
        #expect(try database.info().index.indexed == 2600)
        let ids = (0..<700).map { "l\($0 * 3)" }
        _ = try database.delete(where: "cell in [\"\(ids.joined(separator: "\", \""))\"]")
        #expect(try database.compact().rowsDropped == 700)
        let info = try database.info()
        #expect(info.index.indexed == 1900 && info.index.tail == 0 && info.index.deleted == 0)
        #expect(try Database.verify(database.path).fault == nil)
        var exact = NearestOptions()
        exact.exact = true
        let query = NearestQuery.vectors([Fixture.embedding(row: 1)])
        let found = try database.nearest(query).queries[0].neighbors.map(\.cell)
        #expect(try found == database.nearest(query, options: exact).queries[0].neighbors.map(\.cell))
        // Without deletions the graph stays as it is.
        _ = try database.compact()
        #expect(try database.info().index.indexed == 1900)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("an empty database, one of deleted cells only, a pending ingest, and a database that may only be read")
    func odd() throws {
        let space = try Workspace()
        let database = try space.database()
        #expect(try database.compact().cells == 0)
        _ = try database.ingest([Fixture.small], options: space.options())
        let before = try space.exports(database)
        _ = try database.delete(where: "n_genes >= 0 or n_genes is missing")
        #expect(try database.compact().rowsDropped == 47)
        #expect(try database.info().summary.cells == 0)
        #expect(try Database.verify(database.path).fault == nil)
        #expect(throws: EmbDBError.self) { try database.nearest(.vectors([before.vectors[0]])) }
        _ = try database.ingest([Fixture.small], options: space.options())
        #expect(try space.exports(database) == before)
        let stop = Log()
        #expect(throws: EmbDBError.self) {
            _ = try database.ingest(
                [Fixture.broken], options: space.options { $0.threads = 1 },
                control: Control(progress: { stop.add($0.phase) }, isCancelled: { stop.lines.contains("embedding") }))
        }
        for options in [CompactOptions(), Self.dryRun] {
            let error = #expect(throws: EmbDBError.self) { try database.compact(options: options) }
            #expect(error?.code == .pendingIngest)
        }
        let error = #expect(throws: EmbDBError.self) { try Database.open(database.path).compact() }
        #expect(error?.code == .usage)
    }

    @Test("stopped at any step: the database is what it was, and nothing is left beside it")
    func stopped() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.groupGenes(by: "state")
        _ = try database.delete(where: "n_genes > 20")
        let before = try space.exports(database)
        var steps = 0
        while true {
            let asked = Log()
            let limit = steps
            do {
                _ = try database.compact(
                    control: Control(isCancelled: {
                        asked.add("")
                        return asked.count > limit
                    }))
                break
            } catch {
                #expect(error.code == .cancelled)
            }
            #expect(try space.exports(database) == before)
            steps += 1
        }
        #expect(steps > 3)
        #expect(try space.exports(database) == before)
        #expect(try Database.verify(database.path).fault == nil)
        let left = try FileManager.default.contentsOfDirectory(atPath: space.folder.file(""))
        #expect(left.filter { $0.hasPrefix("test.embdb") }.sorted() == ["test.embdb", "test.embdb-lock"])
    }

    @Test("damage is not given a new checksum: compact and backup name it and leave the file alone")
    func damaged() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let vector = try space.exports(database).vectors[3]
        let path = try space.copy(database, to: "damaged.embdb")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let pattern = vector.prefix(8).reduce(into: Data()) { data, value in
            withUnsafeBytes(of: value) { data.append(contentsOf: $0) }
        }
        let place = try #require(bytes.range(of: pattern))
        bytes[place.lowerBound] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let damaged = try Database.open(path, access: .readWrite)
        let error = #expect(throws: EmbDBError.self) { try damaged.compact() }
        #expect(error?.code == .corrupted)
        let refusal = #expect(throws: EmbDBError.self) { try damaged.backup(to: space.path("copy.embdb")) }
        #expect(refusal?.code == .corrupted)
        #expect(!FileManager.default.fileExists(atPath: space.path("copy.embdb")))
        #expect(!FileManager.default.fileExists(atPath: space.path("copy.embdb-partial")))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    }

    @Test("a backup is the same database, also of one that is opened read-only, and with its pending ingest")
    func backup() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.delete(where: "n_genes > 20")
        let stop = Log()
        #expect(throws: EmbDBError.self) {
            _ = try database.ingest(
                [Fixture.broken], options: space.options { $0.threads = 1 },
                control: Control(progress: { stop.add($0.phase) }, isCancelled: { stop.lines.contains("embedding") }))
        }
        let target = space.path("copy.embdb")
        let reading = try Database.open(database.path)
        #expect(try reading.backup(to: target, dryRun: true).bytes == database.info().fileBytes)
        #expect(!FileManager.default.fileExists(atPath: target))
        let report = try reading.backup(to: target)
        let copy = try Database.open(target, access: .readWrite)
        #expect(try report.cells == database.info().summary.cells)
        #expect(try space.exports(copy) == space.exports(database))
        for opened in [copy, database] { _ = try opened.ingest([Fixture.broken], options: space.options()) }
        #expect(try space.exports(copy) == space.exports(database))
        #expect(try Database.verify(target).fault == nil)
        for taken in [target, database.path] {
            let error = #expect(throws: EmbDBError.self) { try database.backup(to: taken) }
            #expect(error?.code == .usage)
        }
        let error = #expect(throws: EmbDBError.self) { try database.backup(to: space.path("no/copy.embdb")) }
        #expect(error?.code == .notFound)
    }
}
