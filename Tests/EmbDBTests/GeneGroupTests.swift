import CellTransformer
import EmbDB
import Foundation
import Testing

@Suite("groups of gene embeddings that cannot be had")
struct GeneGroupTests {
    private func bytes(_ database: Database) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: database.path))
    }

    @Test("grouping after the fact fails if it could not store what it computed, and the database stays as it was")
    func notStored() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let before = try bytes(database)
        // flock on the database file is the writers' lock.
        let descriptor = open(database.path, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        let warnings = Log()
        let control = Control(warning: { warnings.add($0) })
        let error = #expect(throws: EmbDBError.self) { _ = try database.groupGenes(by: "state", control: control) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("is writing to the database") == true, "\(error?.message ?? "")")
        #expect(warnings.lines.contains { $0.hasPrefix("the gene embeddings are not kept: ") })
        #expect(try bytes(database) == before)
        #expect(try database.info().geneEmbeddings?.groupedBy == nil)
        // Who asks for genes gets the answer all the same.
        let genes = try space.genes(database, group: "sick", by: "state")
        #expect(try bytes(database) == before)
        try #require(flock(descriptor, LOCK_UN) == 0)
        #expect(try database.groupGenes(by: "state")?.groupedBy == "state")
        #expect(try space.genes(database, group: "sick") == genes)
    }

    @Test("200 groups are taken on, 201 are refused before anything is computed, at ingest and after it")
    func tooManyGroups() throws {
        let space = try Workspace()
        func check(_ error: EmbDBError?) {
            #expect(error?.code == .usage)
            for part in ["well", "201 values", "at most 200 values"] {
                #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            }
        }
        check(
            #expect(throws: EmbDBError.self) {
                _ = try Database.ingest(
                    [Fixture.groups], into: space.path("new"), options: space.options { $0.groupGenesBy = "well" })
            })
        #expect(!FileManager.default.fileExists(atPath: space.path("new")))
        let database = try space.ingested([Fixture.groups]) { $0.groupGenesBy = "plate" }
        #expect(try database.info().geneEmbeddings?.groups.count == 200)
        let before = try bytes(database)
        let warnings = Log()
        check(
            #expect(throws: EmbDBError.self) {
                _ = try database.groupGenes(by: "well", control: Control(warning: { warnings.add($0) }))
            })
        #expect(warnings.lines.isEmpty)
        #expect(try bytes(database) == before)
    }

    @Test("sums of more than 4 GiB are refused; one group is always taken on")
    func tooLarge() throws {
        func most(_ tokenCount: Int, _ dimension: Int) -> Int {
            (1...300).prefix { groups in
                (try? GeneRoom.check(groups: groups, column: "c", tokenCount: tokenCount, dimension: dimension)) != nil
            }.count
        }
        // 512 MiB for each group and for all cells.
        #expect(most(1 << 16, 1 << 10) == 7)
        let error = #expect(throws: EmbDBError.self) {
            try GeneRoom.check(groups: 8, column: "donor", tokenCount: 1 << 16, dimension: 1 << 10)
        }
        #expect(error?.code == .usage)
        for part in ["donor", "8 values", "512 MiB", "at most 7 values"] {
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
        }
        #expect(most(1 << 20, 1 << 10) == 1)
        #expect(most(100, 16) == 200)
    }

    @Test("memory that the system refuses is an error of its own kind")
    func memory() {
        let cause = TransformerError(.notEnoughMemory, cell: 3, detail: "not enough memory for sums: free some")
        let error = EmbDBError(wrapping: cause)
        #expect(error.code == .memory)
        #expect(error.message == "not enough memory for sums: free some")
    }
}
