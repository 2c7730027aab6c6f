import Foundation
import TestSupport
import Testing

/// An ingest that is killed at any moment leaves a database that is whole, and the same command finishes it.
@Suite(.serialized)
struct KillTests {
    /// `EMBDB_KILLS` processes are killed; a few by default.
    private static let kills = ProcessInfo.processInfo.environment["EMBDB_KILLS"].flatMap { Int($0) } ?? 10

    /// Where kills fell, for whoever runs many.
    private struct Tally: CustomStringConvertible {
        var beforeFile = 0
        var beforeFirstCommit = 0
        var withPendingCells = 0
        var afterLastCommit = 0
        var tooLate = 0
        var chains = 0

        var description: String {
            "killed before the database file was there: \(beforeFile), before the first cells were committed: "
                + "\(beforeFirstCommit), with cells pending: \(withPendingCells), after the last commit: "
                + "\(afterLastCommit); finished before the kill: \(tooLate); databases: \(chains)"
        }
    }

    @Test("kill -9 at random moments: whole at every time, and in the end the bytes of an uninterrupted ingest")
    func killed() throws {
        let bench = try Workbench(.slow)
        let started = try RunningSeconds.of { try bench.ingest("cells") }
        let expected = try Contents(bench.database)
        var random = SplitMix64(state: 20)
        var tally = Tally()
        var killed = 0
        while killed < Self.kills {
            tally.chains += 1
            let database = bench.file("killed\(tally.chains).embdb")
            let arguments = ["ingest", database, Workbench.fixture("cells"), "--model", bench.model]
            var isFinished = false
            while !isFinished {
                let process = try CommandLineTool.embdb.start(arguments)
                // After the last kill the ingest is left alone.
                if killed < Self.kills {
                    usleep(UInt32(started * random.uniform() * 1_000_000))
                    process.send(SIGKILL)
                }
                let result = try process.wait()
                if result.exitCode == 0 {
                    if killed < Self.kills { tally.tooLate += 1 }
                    isFinished = true
                } else {
                    try #require(result.exitCode == 128 + SIGKILL, "\(result.stderr)")
                    killed += 1
                    isFinished = try check(database, &tally)
                }
            }
            let isEqual = try Contents(database) == expected
            #expect(isEqual, "database \(tally.chains) differs from that of an uninterrupted ingest")
            #expect(try bench.run("verify", database).exitCode == 0)
            for path in [database, database + "-lock"] { try FileManager.default.removeItem(atPath: path) }
        }
        if Self.kills > 50 { print(tally) }
    }

    /// Whether the killed ingest had made its last commit; `verify` and `info` have to hold at any moment.
    private func check(_ database: String, _ tally: inout Tally) throws -> Bool {
        let size = try? FileManager.default.attributesOfItem(atPath: database)[.size] as? Int
        guard let size, size > 0 else {
            tally.beforeFile += 1
            return false
        }
        let verify = try CommandLineTool.embdb.run(["verify", database, "--format", "json"])
        let info = try CommandLineTool.embdb.run(["info", database, "--format", "json"])
        // Killed while the file was made: nothing was in it, and it says so.
        if verify.exitCode == 1, info.exitCode == 1, info.lastErrorLine.contains("empty") {
            tally.beforeFile += 1
            return false
        }
        #expect(info.exitCode == 0, "\(info.stderr)")
        let answer = try info.json()
        let cells = try #require(answer["cells"].int)
        #expect(verify.exitCode == (cells == 0 ? 2 : 0), "\(cells) cells: \(verify.stderr)")
        #expect(cells == 0 || cells == 300, "a part of an ingest is visible")
        if cells == 300 {
            #expect(answer["pending_ingest"].isNull)
            tally.afterLastCommit += 1
        } else if (answer["pending_ingest"]["cells_written"].int ?? 0) > 0 {
            tally.withPendingCells += 1
        } else {
            tally.beforeFirstCommit += 1
        }
        return cells == 300
    }

    @Test("Ctrl-C exits with 130, the ingest stays pending, other files wait for it, and the same command finishes it")
    func interrupted() throws {
        let bench = try Workbench(.slow)
        let uninterrupted = bench.file("whole.embdb")
        try bench.ingest("cells", into: uninterrupted)
        let process = try CommandLineTool.embdb.start(
            ["ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model])
        let pending = try bench.stopWithPendingCells(process)
        process.send(SIGINT)
        process.send(SIGCONT)
        let result = try process.wait()
        try #require(result.exitCode == 130, "\(result.stderr)")
        #expect(result.stdout.isEmpty)
        #expect(result.lastErrorLine.hasPrefix("embdb: "))
        let info = try bench.ask("info")
        #expect(info["cells"].int == 0)
        #expect((info["pending_ingest"]["cells_written"].int ?? 0) >= pending)
        #expect(try bench.run("verify", bench.database).exitCode == 2)
        #expect(try bench.run("nearest", bench.database, "--cell", "cell0").exitCode != 0)
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("more"), "--model", bench.model], saying: "cells.h5ad",
            "--restart")
        try bench.ingest("cells")
        let isEqual = try Contents(bench.database) == Contents(uninterrupted)
        #expect(isEqual)
    }

    @Test("a killed second ingest leaves the cells of the first one visible")
    func second() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let before = try Contents(bench.database)
        let process = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
        _ = try bench.stopWithPendingCells(process)
        process.send(SIGKILL)
        #expect(try process.wait().exitCode == 128 + SIGKILL)
        let after = try Contents(bench.database)
        #expect(after.cells == before.cells)
        let isEqual = after.embeddings == before.embeddings && after.obs == before.obs && after.tokens == before.tokens
        #expect(isEqual)
        #expect(try bench.ask("verify")["whole"].bool == true)
        try bench.refused(1, ["nearest", bench.database, "--cell", "cell0"], saying: "cell0")
        // Dropping it for something else works as well.
        let restarted = try bench.run(
            "ingest", bench.database, Workbench.fixture("layers"), "--restart", "--format", "json")
        #expect(restarted.exitCode == 0, "\(restarted.stderr)")
        #expect(try bench.ask("info")["cells"].int == 65)
        #expect(try bench.ask("info")["pending_ingest"].isNull)
        #expect(try bench.ask("verify")["whole"].bool == true)
    }

    @Test("a killed replacement leaves the old cells visible, and the same command finishes it")
    func replacement() throws {
        let bench = try Workbench(.slow)
        let uninterrupted = bench.file("whole.embdb")
        for database in [bench.database, uninterrupted] { try bench.ingest("changed", into: database) }
        let before = try Contents(bench.database)
        let arguments = ["ingest", bench.database, Workbench.fixture("cells"), "--on-conflict", "replace"]
        let process = try CommandLineTool.embdb.start(arguments)
        _ = try bench.stopWithPendingCells(process)
        process.send(SIGKILL)
        #expect(try process.wait().exitCode == 128 + SIGKILL)
        let killed = try Contents(bench.database)
        let isUnchanged =
            killed.cells == before.cells && killed.obs == before.obs && killed.embeddings == before.embeddings
        #expect(isUnchanged)
        #expect(try bench.ask("verify")["whole"].bool == true)

        let resumed = try CommandLineTool.embdb.run(arguments + ["--format", "json"])
        #expect(resumed.exitCode == 0, "\(resumed.stderr)")
        #expect(try resumed.json()["cells_added"].int == 300)
        try bench.ingest("cells", into: uninterrupted, "--on-conflict", "replace")
        let isEqual = try Contents(bench.database) == Contents(uninterrupted)
        #expect(isEqual)
        #expect(try bench.ask("verify")["whole"].bool == true)
    }
}

private enum RunningSeconds {
    /// Wall seconds of `body`.
    static func of(_ body: () throws -> Void) rethrows -> Double {
        let start = DispatchTime.now()
        try body()
        return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
    }
}
