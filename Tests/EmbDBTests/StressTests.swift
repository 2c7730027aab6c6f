import EmbDB
import Foundation
import TestSupport
import Testing

/// Searches beside a writer: 8 threads and 2 processes ask while batches of cells are imported and replaced.
///
/// The writer adds batch after batch of the same 120 vectors, under ids `b1_v0`, `b2_v0`, …, and then replaces the first
/// one, in turn by the same vectors the other way round: so an answer tells which commit it saw.
@Suite(.serialized) struct StressTests {
    private static let batches = 25
    private static let cells = 120

    private static func bring(_ batch: Int, key: String, to database: String, replacing: Bool = false) throws {
        var options = ImportOptions(obsm: key)
        options.idPrefix = "b\(batch)_"
        options.onConflict = replacing ? .replace : .error
        options.threads = 1
        let report = try Database.importEmbeddings([Fixture.vectors], into: database, options: options)
        #expect(report.cellsAdded == cells)
    }

    /// Asks until `stop` is there; the number of answers.
    static func ask(_ path: String, until stop: String) throws -> Int {
        let database = try Database.open(path)
        var (last, answers) = (0, 0)
        repeat {
            last = try checkWhole(database, atLeast: last)
            try checkNearest(database, atLeast: last)
            answers += 2
        } while access(stop, F_OK) != 0
        return answers
    }

    /// All cells by their distance from v5: whole batches, from the first on, and one version of the first.
    ///
    /// - Returns: the number of batches.
    private static func checkWhole(_ database: Database, atLeast last: Int) throws -> Int {
        var options = NearestOptions()
        options.k = 100_000
        options.exact = true
        options.threads = 1
        let answer = try database.nearest(.vectors([Fixture.embedding(row: 5)]), options: options)
        let neighbors = answer.queries[0].neighbors
        let batches = neighbors.count / cells
        #expect(neighbors.count == batches * cells && batches >= max(last, 1), "\(neighbors.count) cells")
        let ids = Set(neighbors.map(\.cell))
        let expected = (1...max(batches, 1)).flatMap { batch in (0..<cells).map { "b\(batch)_v\($0)" } }
        #expect(ids == Set(expected))
        let same = Self.rows(like: 5)
        let nearest = Set(neighbors.prefix(batches * same.count).map(\.cell))
        let others = (2..<max(batches, 1) + 1).flatMap { batch in same.map { "b\(batch)_v\($0)" } }
        let versions = [same, same.map { cells - 1 - $0 }].map { Set(others + $0.map { "b1_v\($0)" }) }
        #expect(versions.contains(nearest), "\(nearest.sorted())")
        return batches
    }

    /// Rows of the file that have the same embedding.
    private static func rows(like row: Int) -> [Int] {
        (0..<cells).filter { ImportTests.expected[$0] == ImportTests.expected[row] }
    }

    /// The graph's answer: neighbors of one commit, in order, and the copies of the query first.
    private static func checkNearest(_ database: Database, atLeast last: Int) throws {
        var options = NearestOptions()
        options.threads = 1
        let answer = try database.nearest(.vectors([Fixture.embedding(row: 7)]), options: options)
        let neighbors = answer.queries[0].neighbors
        #expect(neighbors.count == 10 && Set(neighbors.map(\.cell)).count == 10)
        #expect(zip(neighbors, neighbors.dropFirst()).allSatisfy { $0.distance <= $1.distance })
        let copies = min(10, (last - 1) * Self.rows(like: 7).count)
        let names = Self.rows(like: 7).map { "_v\($0)" }
        let first = Self.rows(like: 7).map { "b1_v\(cells - 1 - $0)" }
        #expect(
            neighbors.prefix(copies).allSatisfy { cell in
                names.contains { cell.cell.hasSuffix($0) } || first.contains(cell.cell)
            })
    }

    private static func askElsewhere(_ path: String, _ stop: String) async {
        await #expect(processExitsWith: .success) { [path, stop] in
            let answers = try StressTests.ask(path, until: stop)
            #expect(answers > 0)
        }
    }

    @Test("8 threads and 2 processes search while one writes: no error, and each answer is that of one commit")
    func readersAndWriter() async throws {
        let space = try Workspace()
        let (path, stop) = (space.path("stress.embdb"), space.path("stop"))
        try Self.bring(1, key: "X_full", to: path)
        let end = Date(timeIntervalSinceNow: Double(Effort.count("EMBDB_STRESS_SECONDS", quick: 3, slow: 60)))
        let writer = Background {
            defer { try? Data().write(to: URL(fileURLWithPath: stop)) }
            var round = 1
            while Date() < end || round < 4 {
                round += 1
                if round <= Self.batches {
                    try Self.bring(round, key: "X_full", to: path)
                } else {
                    let key = (round - Self.batches) % 2 == 1 ? "X_other" : "X_full"
                    try Self.bring(1, key: key, to: path, replacing: true)
                }
            }
        }
        let readers = (0..<8).map { _ in
            Background {
                let answers = try Self.ask(path, until: stop)
                #expect(answers > 0)
            }
        }
        async let first: Void = Self.askElsewhere(path, stop)
        async let second: Void = Self.askElsewhere(path, stop)
        _ = await (first, second)
        for thread in readers + [writer] { try thread.wait() }
        let report = try Database.verify(path)
        #expect(report.fault == nil)
        #expect(report.cells % Self.cells == 0)
    }
}
