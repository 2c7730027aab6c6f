import EmbDB
import Foundation
import Testing

@Suite("exports")
struct ExportTests {
    @Test("say the same in all files, in the order of ingestion")
    func contents() throws {
        let space = try Workspace(isV2: true)
        let database = try space.ingested([Fixture.small])
        _ = try database.ingest([Fixture.other], options: space.options { $0.onConflict = .skip })
        let exports = try space.exports(database)
        let counts = try FixtureCounts(Fixture.small)
        #expect(exports.columns[0] == "cell")
        #expect(exports.obs.map { $0["cell"] ?? "" } == exports.ids)
        #expect(exports.ids.prefix(4) == ["cell-0", "cell-1", "cell-2", "cell-3"])
        #expect(exports.tokens.count == exports.ids.count && exports.vectors.count == exports.ids.count)
        for row in 0..<47 {
            // As many genes as the file has, at most what fits; each once, highest rank value first.
            let genes = exports.tokens[row].dropFirst().dropLast()
            #expect(genes.count == min(counts.genes(ofCell: exports.ids[row]), 24))
            #expect(Set(genes).count == genes.count)
            let values = try genes.map { token in
                let number = Int(token) - 3
                let count = try #require(counts.counts[exports.ids[row]]?[space.tiny.id(of: token) ?? ""])
                return count / (1 + Double(number % 7) / 4)
            }
            #expect(values == values.sorted(by: >))
        }
    }

    @Test("appear only when they are complete, and leave nothing behind")
    func atomic() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let folder = space.path("out")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
        let stopped = Control(isCancelled: { true })
        for export in [database.exportEmbeddings, database.exportObs, database.exportTokens] {
            let error = #expect(throws: EmbDBError.self) { _ = try export(folder + "/x", stopped) }
            #expect(error?.code == .cancelled)
            let nowhere = #expect(throws: EmbDBError.self) { _ = try export(folder + "/no/x", Control()) }
            #expect(nowhere?.code == .storage && nowhere?.message.contains("/no/x") == true)
        }
        #expect(try names() == [])
        // A folder of the name stays, and so does a former file until the new one is there.
        try FileManager.default.createDirectory(atPath: folder + "/taken", withIntermediateDirectories: true)
        #expect(throws: EmbDBError.self) { _ = try database.exportObs(to: folder + "/taken") }
        try "old".write(toFile: folder + "/obs.tsv", atomically: true, encoding: .utf8)
        #expect(throws: EmbDBError.self) { _ = try database.exportObs(to: folder + "/obs.tsv", control: stopped) }
        #expect(try String(contentsOfFile: folder + "/obs.tsv", encoding: .utf8) == "old")
        #expect(try database.exportObs(to: folder + "/obs.tsv") == 47)
        #expect(try names() == ["obs.tsv", "taken"])
    }

    @Test("of the same file from several threads do not disturb each other")
    func threads() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.broken])
        let expected = try space.exports(database)
        let path = space.path("same.npy")
        let failures = Log()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            do { _ = try database.exportEmbeddings(to: path) } catch { failures.add("\(error)") }
        }
        #expect(failures.lines.isEmpty, "\(failures.lines.first ?? "")")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == expected.bytes[".npy"])
    }

    @Test("of a database without cells are refused")
    func empty() throws {
        let space = try Workspace()
        let database = try space.database()
        for export in [database.exportEmbeddings, database.exportObs, database.exportTokens] {
            let error = #expect(throws: EmbDBError.self) { _ = try export(space.path("x"), Control()) }
            #expect(error?.code == .nothingFound)
        }
    }
}
