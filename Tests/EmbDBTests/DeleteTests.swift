import EmbDB
import Foundation
import TestSupport
import Testing

@Suite("delete")
struct DeleteTests {
    /// A database of the 47 cells of `small`, and which of them are of donor d1.
    private static func filled() throws -> (space: Workspace, database: Database, deleted: Set<String>) {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let exports = try space.exports(database)
        let deleted = Set(zip(exports.ids, exports.obs).filter { $1["donor"] == exports.obs[0]["donor"] }.map(\.0))
        return (space, database, deleted)
    }

    private static func donor(_ space: Workspace, _ database: Database) throws -> String {
        try #require(space.exports(database).obs[0]["donor"])
    }

    @Test("deleted cells are in no answer, the others are as before, and a dry run says the same and changes nothing")
    func invisible() throws {
        let (space, database, deleted) = try Self.filled()
        let before = try space.exports(database)
        let donor = try Self.donor(space, database)
        let condition = "donor == \"\(donor)\""
        let planned = try Database.open(database.path).delete(where: condition, dryRun: true)
        #expect(try space.exports(database) == before)
        let report = try database.delete(where: condition)
        #expect(!deleted.isEmpty && deleted.count < 47)
        #expect(report.cellsDeleted == deleted.count && report.cellsLeft == 47 - deleted.count)
        #expect(planned.cellsDeleted == report.cellsDeleted && planned.cellsLeft == report.cellsLeft)
        #expect(report.values.map(\.name) == ["donor"])
        #expect(report.values[0].values.map(\.value) == [donor])
        #expect(report.values[0].values.map(\.cells) == [deleted.count])

        let after = try space.exports(database)
        let kept = before.ids.indices.filter { !deleted.contains(before.ids[$0]) }
        #expect(after.ids == kept.map { before.ids[$0] })
        #expect(after.vectors == kept.map { before.vectors[$0] })
        #expect(after.tokens == kept.map { before.tokens[$0] })
        #expect(after.obs == kept.map { before.obs[$0] })
        let info = try database.info()
        #expect(info.summary.cells == kept.count && info.index.deleted == deleted.count)
        var options = NearestOptions()
        options.k = 100
        let answer = try database.nearest(.cells([after.ids[0]]), options: options)
        #expect(Set(answer.queries[0].neighbors.map(\.cell)) == Set(after.ids.dropFirst()))
        let gone = try #require(deleted.first)
        #expect(throws: EmbDBError.self) { try database.nearest(.cells([gone])) }
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("an expression that names only deleted cells, or none, says so; wrong ones are refused")
    func expressions() throws {
        let (space, database, _) = try Self.filled()
        let donor = try Self.donor(space, database)
        _ = try database.delete(where: "donor == \"\(donor)\"")
        for (text, code) in [
            ("donor == \"\(donor)\"", EmbDBError.Code.expression), ("n_genes < -5", .nothingFound),
            ("nothing == 1", .expression), ("donor ==", .expression),
        ] {
            let error = #expect(throws: EmbDBError.self) { try database.delete(where: text) }
            #expect(error?.code == code, "\(text)")
        }
        let reading = try Database.open(database.path)
        let error = #expect(throws: EmbDBError.self) { try reading.delete(where: "n_genes > 0") }
        #expect(error?.code == .usage)
    }

    @Test("all cells can be deleted: verbs say that there are none, and the same file fills the database again")
    func everything() throws {
        let (space, database, _) = try Self.filled()
        let before = try space.exports(database)
        #expect(try database.delete(where: "n_genes >= 0 or n_genes is missing").cellsLeft == 0)
        #expect(try database.info().summary.cells == 0)
        #expect(try Database.verify(database.path).fault == nil)
        let error = #expect(throws: EmbDBError.self) { try database.nearest(.vectors([before.vectors[0]])) }
        #expect(error?.code == .nothingFound)
        #expect(throws: EmbDBError.self) { try database.delete(where: "n_genes >= 0") }
        #expect(try database.ingest([Fixture.small], options: space.options()).cellsAdded == 47)
        #expect(try space.exports(database) == before)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("the same file again brings deleted cells back where the others are skipped")
    func again() throws {
        let (space, database, deleted) = try Self.filled()
        let before = try space.exports(database)
        _ = try database.delete(where: "donor == \"\(try Self.donor(space, database))\"")
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest([Fixture.small], options: space.options())
        }
        #expect(error?.code == .duplicateCells)
        let report = try database.ingest([Fixture.small], options: space.options { $0.onConflict = .skip })
        #expect(report.cellsAdded == deleted.count)
        let after = try space.exports(database)
        #expect(after.ids == before.ids.filter { !deleted.contains($0) } + before.ids.filter(deleted.contains))
        let vectors = Dictionary(uniqueKeysWithValues: zip(before.ids, before.vectors))
        #expect(after.vectors == after.ids.map { vectors[$0] })
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("gene embeddings are those of the cells that are left, to the last bit")
    func genes() throws {
        let (space, database, deleted) = try Self.filled()
        _ = try database.groupGenes(by: "state")
        let left = "cell != \"\(deleted.sorted().joined(separator: "\" and cell != \""))\""
        let expected = try space.ingested([Fixture.small], name: "left") { $0.filter = left }
        _ = try expected.groupGenes(by: "state")
        _ = try database.delete(where: "donor == \"\(try Self.donor(space, database))\"")
        #expect(try database.info().geneEmbeddings?.outdated == deleted.count)
        _ = try database.groupGenes(by: "state")
        #expect(try database.info().geneEmbeddings?.outdated == 0)
        for group in [nil] + (try expected.info().geneEmbeddings?.groups.map { $0.value as String? } ?? []) {
            var options = GeneOptions()
            options.group = group
            for database in [database, expected] {
                _ = try database.exportGeneEmbeddings(to: database.path + ".npy", options: options)
            }
            let bytes = try [database, expected].map { try Data(contentsOf: URL(fileURLWithPath: $0.path + ".npy")) }
            #expect(bytes[0] == bytes[1])
        }
    }

    @Test("while an ingest is unfinished nothing is deleted")
    func pending() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let stop = Log()
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest(
                [Fixture.broken], options: space.options { $0.threads = 1 },
                control: Control(progress: { stop.add($0.phase) }, isCancelled: { stop.lines.contains("embedding") }))
        }
        #expect(error?.code == .cancelled)
        let refusal = #expect(throws: EmbDBError.self) { try database.delete(where: "n_genes > 0") }
        #expect(refusal?.code == .pendingIngest)
        #expect(refusal?.message.contains("broken.h5ad") == true)
        _ = try database.ingest([Fixture.broken], options: space.options())
        #expect(try database.delete(where: "n_genes > 0").cellsDeleted > 0)
    }
}
