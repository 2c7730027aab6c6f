import Foundation
import TestSupport
import Testing

/// Several processes at one database, and databases that cannot be written.
@Suite(.serialized)
struct SharingTests {
    @Test("nearest answers from what was there while another process ingests")
    func readWhileWriting() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let arguments = ["nearest", bench.database, "--cell", "more3", "-k", "5", "--format", "json"]
        let before = try CommandLineTool.embdb.run(arguments)
        let writer = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
        var (answers, pending) = (0, 0)
        while !writer.hasEnded {
            let answer = try CommandLineTool.embdb.run(arguments)
            let info = try bench.ask("info")
            pending = max(pending, info["pending_ingest"]["cells_written"].int ?? 0)
            #expect(answer.exitCode == 0, "\(answer.stderr)")
            // The answer is the old one until the ingest shows; asked for before `info`, it is not newer than that.
            if info["cells"].int == 40 {
                #expect(answer.stdout == before.stdout)
                answers += 1
            }
        }
        #expect(try writer.wait().exitCode == 0)
        #expect(answers > 0)
        #expect(pending > 0)
        #expect(try bench.ask("info")["cells"].int == 340)
        #expect(try bench.ask("verify")["whole"].bool == true)
    }

    @Test("of two ingests at once each succeeds or says why not, and none loses what the other wrote")
    func twoWriters() throws {
        let bench = try Workbench(.slow)
        func start(_ fixture: String) throws -> RunningCommand {
            try CommandLineTool.embdb.start([
                "ingest", bench.database, Workbench.fixture(fixture), "--model", bench.model,
            ])
        }
        let running = [("cells", try start("cells")), ("more", try start("more"))]
        var failed: [String] = []
        for (fixture, process) in running {
            let result = try process.wait()
            if result.exitCode != 0 {
                #expect(result.exitCode == 1, "\(result.stderr)")
                #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)")
                #expect(
                    result.lastErrorLine.contains("another process") || result.lastErrorLine.contains("pending"),
                    "\(result.stderr)")
                failed.append(fixture)
            }
        }
        #expect(failed.count < 2)
        // What failed works now.
        for fixture in failed { try bench.ingest(fixture) }
        #expect(try bench.ask("info")["cells"].int == 340)
        #expect(try bench.ask("info")["pending_ingest"].isNull)
        #expect(try bench.ask("verify")["whole"].bool == true)
        #expect(Set(try Contents(bench.database).cells).count == 340)
        #expect(try bench.ask("nearest", "--cell", "cell0", "-k", "400")["queries"][0]["neighbors"].array.count == 339)
    }

    @Test("the same ingest twice at once adds its cells once")
    func sameTwice() throws {
        let bench = try Workbench(.slow)
        let arguments = ["ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model]
        let running = [try CommandLineTool.embdb.start(arguments), try CommandLineTool.embdb.start(arguments)]
        let results = try running.map { try $0.wait() }
        #expect(results.contains { $0.exitCode == 0 })
        for result in results where result.exitCode != 0 {
            #expect(result.exitCode == 1 && result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)")
        }
        try bench.ingest("cells")
        #expect(try bench.ask("info")["cells"].int == 300)
        #expect(try bench.ask("verify")["whole"].bool == true)
        let other = bench.file("other.embdb")
        try bench.ingest("cells", into: other)
        let isEqual = try Contents(other) == Contents(bench.database)
        #expect(isEqual)
    }

    @Test(
        "a database that cannot be written is answered from, and an ingest into it says why it fails",
        .enabled(if: geteuid() != 0, "skipped: root may write everything"))
    func readOnly() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        let folder = bench.file("locked")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = folder + "/cells.embdb"
        try FileManager.default.copyItem(atPath: bench.database, toPath: database)
        chmod(database, 0o444)
        chmod(folder, 0o555)
        defer { chmod(folder, 0o755) }
        for verb in [["info"], ["verify"], ["nearest", "--cell", "cell0"]] {
            let result = try CommandLineTool.embdb.run([verb[0], database] + verb.dropFirst())
            #expect(result.exitCode == 0, "\(result.command): \(result.stderr)")
        }
        #expect(try Contents(database) == before)
        try bench.refused(1, ["ingest", database, Workbench.fixture("more")], saying: "cells.embdb")
    }
}
