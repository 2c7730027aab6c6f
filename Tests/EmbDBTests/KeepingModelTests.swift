import EmbDB
import Foundation
import TestSupport
import Testing

/// Random imports, replacements, deletions, compactions and copies against a dictionary that keeps its order.
@Suite("keeping")
struct KeepingModelTests {
    private typealias Cells = [(id: String, vector: [Float])]

    private static func cells(_ database: Database, _ folder: TemporaryFolder) throws -> Cells {
        let stem = folder.file(UUID().uuidString)
        _ = try database.exportEmbeddings(to: stem + ".npy")
        let ids = try String(contentsOfFile: stem + ".npy.ids.txt", encoding: .utf8).split(separator: "\n")
        let rows = try NumPyArray(Data(contentsOf: URL(fileURLWithPath: stem + ".npy"))).rows
        return zip(ids, rows).map { (String($0), $1.map { Float($0) }) }
    }

    private static func check(_ database: Database, _ model: Cells, _ folder: TemporaryFolder, _ step: String) throws {
        #expect(try database.info().summary.cells == model.count, "\(step)")
        if model.isEmpty {
            #expect(throws: EmbDBError.self, "\(step)") { try cells(database, folder) }
        } else {
            let found = try cells(database, folder)
            #expect(found.map(\.id) == model.map(\.id), "\(step)")
            #expect(found.map(\.vector) == model.map(\.vector), "\(step)")
        }
    }

    private static func options(_ key: String, _ filter: String?) -> ImportOptions {
        var options = ImportOptions(obsm: key)
        options.filter = filter
        options.threads = 1
        return options
    }

    @Test("any sequence gives what the dictionary holds", arguments: 1...4)
    func random(seed: Int) throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(state: UInt64(seed))
        var sources: [String: Cells] = [:]
        for key in ["X_full", "X_other"] {
            let alone = try Database.open(folder.file(key), access: .create)
            _ = try alone.importEmbeddings([Fixture.vectors], options: Self.options(key, nil))
            sources[key] = try Self.cells(alone, folder)
        }
        let ids = try #require(sources["X_full"]).map(\.id)
        var database = try Database.open(folder.file("a.embdb"), access: .create)
        var model: Cells = []
        var log = ""
        for step in 0..<60 {
            let chosen = Set(ids.shuffled(using: &random).prefix(1 + Int(random.next() % 40)))
            let filter = "cell in [\"\(chosen.sorted().joined(separator: "\", \""))\"]"
            switch random.next() % 10 {
            case 0..<5:
                let key = random.next() % 2 == 0 ? "X_full" : "X_other"
                var options = Self.options(key, filter)
                options.onConflict = random.next() % 2 == 0 ? .skip : .replace
                log += "\(options.onConflict) \(chosen.count), "
                let report = try database.importEmbeddings([Fixture.vectors], options: options)
                if report.wasComplete { break }
                let new = try #require(sources[key]).filter { chosen.contains($0.id) }
                if options.onConflict == .skip {
                    let present = Set(model.map(\.id))
                    model += new.filter { !present.contains($0.id) }
                } else {
                    model.removeAll { chosen.contains($0.id) }
                    model += new
                }
            case 5..<8:
                log += "delete \(chosen.count), "
                let present = model.map(\.id).filter(chosen.contains)
                guard !present.isEmpty else { break }
                let condition = "cell in [\"\(present.joined(separator: "\", \""))\"]"
                #expect(try database.delete(where: condition).cellsDeleted == present.count)
                model.removeAll { chosen.contains($0.id) }
            case 8:
                log += "compact, "
                #expect(try database.compact().cells == model.count)
                #expect(try database.info().index.deleted == 0)
            default:
                log += "copy, "
                let path = folder.file("copy\(step).embdb")
                #expect(try database.backup(to: path).cells == model.count)
                // Go on with the copy.
                database = try Database.open(path, access: .readWrite)
            }
            try Self.check(database, model, folder, "seed \(seed), \(log)")
            #expect(try Database.verify(database.path).fault == nil, "seed \(seed), \(log)")
        }
    }
}
