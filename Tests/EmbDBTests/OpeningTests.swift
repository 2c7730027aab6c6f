import EmbDB
import Foundation
import LMDBStore
import TestSupport
import Testing

@Suite("opening, and using a database from several places")
struct OpeningTests {
    private static func code(_ path: String, _ access: Database.Access = .readOnly) -> EmbDBError.Code? {
        do {
            _ = try Database.open(path, access: access)
            return nil
        } catch { return error.code }
    }

    @Test("what is no database is refused by what it is")
    func foreign() throws {
        let space = try Workspace()
        #expect(Self.code(space.path("no")) == .notFound)
        #expect(Self.code(space.path("no"), .readWrite) == .notFound)
        try Data("cell,gene\n".utf8).write(to: URL(fileURLWithPath: space.path("text")))
        try Data().write(to: URL(fileURLWithPath: space.path("empty")))
        do {
            let other = try Environment.open(space.path("lmdb"), mode: .create)
            try other.write { try Table<String, [UInt8]>("users").put([1], for: "a", in: &$0) }
        }
        for access in [Database.Access.readOnly, .readWrite, .create] {
            #expect(Self.code(space.path("text"), access) == .notADatabase)
            #expect(Self.code(space.path("lmdb"), access) == .notADatabase)
            #expect(Self.code(space.folder.path, access) != nil)
        }
        #expect(Self.code(space.path("empty")) == .notADatabase)
        #expect(Self.code(space.path("empty"), .create) == nil)
        #expect(Self.code(space.path("empty")) == nil)
        let empty = try Database.open(space.path("empty"))
        #expect(try empty.info().summary.cells == 0)
        #expect(try Database.verify(empty.path).fault == nil)
        let error = #expect(throws: EmbDBError.self) { _ = try empty.nearest(.cells(["a"])) }
        #expect(error?.code == .nothingFound)
    }

    @Test("a newer format is named as such, a damaged record too")
    func formats() throws {
        let space = try Workspace()
        let path = try space.ingested([Fixture.small]).path
        func set(_ name: String, _ bytes: [UInt8]) throws {
            let environment = try Environment.open(path, mode: .readWrite)
            try environment.write { try IndexTests.meta.put(bytes, for: name, in: &$0) }
        }
        try set("format", [2, 0, 0, 0])
        #expect(Self.code(path) == .newerFormat)
        let verify = #expect(throws: EmbDBError.self) { _ = try Database.verify(path) }
        #expect(verify?.code == .newerFormat)
        try set("format", [1, 0])
        #expect(Self.code(path) == .corrupted)
        try set("format", [1, 0, 0, 0])
        #expect(Self.code(path) == nil)
        try set("state", [1, 2, 3, 4, 5])
        let error = #expect(throws: EmbDBError.self) { _ = try Database.open(path).info() }
        #expect(error?.code == .corrupted)
        #expect(try Database.verify(path).fault?.contains("state") == true)
    }

    @Test("numbers in a record that cannot be true are damage, not a crash")
    func impossibleNumbers() async throws {
        await #expect(processExitsWith: .success) {
            let space = try Workspace()
            let database = try space.ingested([Fixture.small])
            let environment = try Environment.open(database.path, mode: .readWrite)
            let record = try #require(try environment.read { try IndexTests.meta.value(for: "state", in: $0) })
            let text = String(decoding: record[4...], as: UTF8.self)
            for (old, new) in [
                (#""rows":47"#, #""rows":-1"#), (#""rows":47"#, #""rows":4611686018427387904"#),
                (#""rows":47"#, #""rows":1000000"#), (#""dimension":16"#, #""dimension":0"#),
                (#""dimension":16"#, #""dimension":-5"#), (#""dimension":16"#, #""dimension":1152921504606846976"#),
                (#""categoryCount":3"#, #""categoryCount":-1"#),
                (#""categoryCount":3"#, #""categoryCount":1099511627776"#),
                (#""cells":47"#, #""cells":-1"#), (#""cells":47"#, #""cells":4611686018427387904"#),
                (#""firstRow":0"#, #""firstRow":-1"#), (#""firstRow":0"#, #""firstRow":1"#),
            ] {
                #expect(text.contains(old))
                let changed = Array(text.replacing(old, with: new).utf8)
                let checksum = withUnsafeBytes(of: StoredZip.crc32(changed).littleEndian) { Array($0) }
                try environment.write { try IndexTests.meta.put(checksum + changed, for: "state", in: &$0) }
                let error = #expect(throws: EmbDBError.self) { _ = try database.nearest(.cells(["cell-1"])) }
                #expect(error?.code == .corrupted, "\(new)")
                #expect(try Database.verify(database.path).fault != nil, "\(new)")
            }
        }
    }

    @Test("no database is made under a name that belongs to files beside one")
    func namesBeside() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        for ending in ["-lock", "-swap", "-compact", "-partial"] {
            #expect(Self.code(space.path("new" + ending), .create) == .usage)
            #expect(!FileManager.default.fileExists(atPath: space.path("new" + ending)))
            let error = #expect(throws: EmbDBError.self) { _ = try database.backup(to: space.path("copy" + ending)) }
            #expect(error?.code == .usage && error?.message.contains(ending) == true, "\(error?.message ?? "")")
        }
        // A dry run of a backup leaves alone what has the name that the copy would need meanwhile.
        _ = try database.backup(to: space.path("whole"))
        try FileManager.default.moveItem(atPath: space.path("whole"), toPath: space.path("good-partial"))
        _ = try database.backup(to: space.path("good"), dryRun: true)
        #expect(try Database.verify(space.path("good-partial")).cells == 47)
        #expect(!FileManager.default.fileExists(atPath: space.path("good")))
    }

    @Test("values opened on one file in one process see each other's commits; a read-only one cannot ingest")
    func severalValues() throws {
        let space = try Workspace()
        let first = try space.ingested([Fixture.small])
        let second = try Database.open(first.path)
        let third = try Database.open(space.folder.path + "/./test.embdb", access: .readWrite)
        #expect(try second.info().summary.cells == 47)
        let error = #expect(throws: EmbDBError.self) {
            _ = try second.ingest([Fixture.broken], options: space.options())
        }
        #expect(error?.code == .usage)
        _ = try third.ingest([Fixture.broken], options: space.options())
        for database in [first, second, third] { #expect(try database.info().summary.cells == 307) }
        #expect(try space.exports(first) == space.exports(second))
        #expect(try Database.verify(first.path).fault == nil)
    }

    @Test("readers on several threads see the database before or after an ingest, never in between")
    func readersDuringAnIngest() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let before = try space.exports(database)
        let failures = Log()
        let answers = Log()
        let isDone = Log()
        let readers = (0..<3).map { number in
            let thread = Thread {
                var options = NearestOptions()
                options.k = 1000
                options.threads = 1
                repeat {
                    do {
                        let reader = number == 0 ? database : try Database.open(database.path)
                        let answer = try reader.nearest(.cells([before.ids[number]]), options: options)
                        let count = answer.queries[0].neighbors.count
                        answers.add("\(count)")
                        if count != 46 && count != 306 { failures.add("\(count) neighbors") }
                        if count == 306, try reader.info().summary.cells != 307 { failures.add("cells vanished") }
                    } catch {
                        failures.add("\(error)")
                    }
                    Thread.sleep(forTimeInterval: 0.005)
                } while isDone.lines.isEmpty
            }
            thread.start()
            return thread
        }
        _ = try database.ingest(
            [Fixture.broken], options: space.options(), control: ResumeTests.slowly(Log()))
        isDone.add("")
        while readers.contains(where: { !$0.isFinished }) { Thread.sleep(forTimeInterval: 0.01) }
        #expect(failures.lines.isEmpty, "\(failures.lines.prefix(3))")
        #expect(answers.lines.contains("46") && answers.lines.count > 20)
        #expect(try database.nearest(.cells([before.ids[0]])).queries[0].neighbors.count == 10)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("two ingests at once: one wins, the other says that it must come again; nothing is lost or doubled")
    func twoWriters() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let outcomes = Log()
        let writers = [Fixture.broken, Fixture.broken, Fixture.other].map { file in
            let options = space.options { $0.idPrefix = file == Fixture.other ? "o-" : "" }
            let thread = Thread {
                do {
                    outcomes.add("added \(try database.ingest([file], options: options).cellsAdded)")
                } catch { outcomes.add("\((error as? EmbDBError)?.code.description ?? "\(error)")") }
            }
            thread.start()
            return thread
        }
        while writers.contains(where: { !$0.isFinished }) { Thread.sleep(forTimeInterval: 0.01) }
        for outcome in outcomes.lines where !outcome.hasPrefix("added") {
            #expect(["locked", "pendingIngest"].contains(outcome), "\(outcome)")
        }
        for _ in 0..<2 {
            _ = try? database.ingest([Fixture.broken], options: space.options())
            _ = try? database.ingest([Fixture.other], options: space.options { $0.idPrefix = "o-" })
        }
        let exports = try space.exports(database)
        #expect(exports.ids.count == 47 + 260 + 30)
        #expect(Set(exports.ids).count == exports.ids.count)
        #expect(try Database.verify(database.path).fault == nil)
    }
}
