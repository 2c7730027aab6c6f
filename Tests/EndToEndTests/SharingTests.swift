import Foundation
import TestSupport
import Testing

/// Several processes at one database, and databases that cannot be written.
@Suite(.serialized)
struct SharingTests {
    @Test("a copy that is put back while a process has the database open loses nothing")
    func restored() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let cell = try #require(Contents(bench.database).rows[0]["cell"])
        let copy = bench.file("copy.embdb")
        _ = try bench.ask("backup", copy)
        let kept = try Data(contentsOf: URL(fileURLWithPath: copy))
        for extraCommits in 0..<2 {
            if extraCommits == 1 { _ = try bench.ask("delete", "--where", "cell == \"\(cell)\"") }
            let holder = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
            _ = try bench.stopWithPendingCells(holder)
            try FileManager.default.removeItem(atPath: bench.database)
            try FileManager.default.copyItem(atPath: copy, toPath: bench.database)
            for command in [
                ["info", bench.database], ["verify", bench.database],
                ["delete", bench.database, "--where", "cell == \"\(cell)\""], ["compact", bench.database],
            ] {
                try bench.refused(1, command, saying: "another one", "still has open", "end the processes")
            }
            holder.send(SIGCONT)
            _ = try holder.wait()
            #expect(try Data(contentsOf: URL(fileURLWithPath: bench.database)) == kept)
            #expect(try bench.ask("info")["cells"].int == 40)
            #expect(try bench.run("verify", bench.database).exitCode == 0)
        }
    }

    @Test("nearest answers from what was there while another process ingests")
    func readWhileWriting() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let arguments = ["nearest", bench.database, "--cell", "more3", "-k", "5", "--format", "json"]
        let before = try CommandLineTool.embdb.run(arguments)
        let writer = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
        _ = try bench.stopWithPendingCells(writer)
        func look() throws {
            let answer = try CommandLineTool.embdb.run(arguments)
            let info = try bench.ask("info")
            #expect(answer.exitCode == 0, "\(answer.stderr)")
            // The answer is the old one until the ingest shows; asked for before `info`, it is not newer than that.
            if info["cells"].int == 40 { #expect(answer.stdout == before.stdout) }
        }
        try look()
        #expect(try bench.ask("info")["cells"].int == 40)
        writer.send(SIGCONT)
        while !writer.hasEnded { try look() }
        #expect(try writer.wait().exitCode == 0)
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

    /// `embdb` run by somebody who may not write what is not theirs: whoever runs the tests or, for root, nobody.
    private static let setpriv = CommandLineTool(path: "/usr/bin/setpriv")
    private static let isTestable = geteuid() != 0 || FileManager.default.fileExists(atPath: setpriv.path)

    private func runUnprivileged(_ program: String, _ arguments: [String]) throws -> CommandResult {
        geteuid() == 0
            ? try Self.setpriv.run(["--reuid=65534", "--regid=65534", "--clear-groups", program] + arguments)
            : try CommandLineTool.embdb.run(arguments)
    }

    @Test(
        "a database that cannot be written is answered from, and an ingest into it says why it fails",
        .enabled(if: isTestable, "skipped: root may write everything, and /usr/bin/setpriv is not there"))
    func readOnly() throws {
        let bench = try Workbench.filled()
        let folder = bench.file("locked")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = folder + "/cells.embdb"
        try FileManager.default.copyItem(atPath: bench.database, toPath: database)
        // Where nobody may read them: the program and the fixtures may lie in somebody's own folder.
        let program = bench.file("embdb")
        // By a process of its own: a program that this one has open for writing while another test starts a process, which
        // then has it open too, cannot be run ("Text file busy").
        try CommandLineTool(path: "/bin/cp").run([CommandLineTool.embdb.path, program])
        let fixture = bench.file("more.h5ad")
        try FileManager.default.copyItem(atPath: Workbench.fixture("more"), toPath: fixture)
        chmod(database, 0o444)
        chmod(folder, 0o555)
        defer { chmod(folder, 0o755) }
        let bytes = FileManager.default.contents(atPath: database)
        for verb in [["info"], ["verify"], ["nearest", "--cell", "cell0"]] {
            let result = try runUnprivileged(program, [verb[0], database] + verb.dropFirst())
            #expect(result.exitCode == 0, "\(result.command): \(result.stderr)")
            let expected = try CommandLineTool.embdb.run([verb[0], bench.database] + verb.dropFirst())
            // All but the memory, which is measured.
            func lines(_ text: String) -> [Substring] {
                text.split(separator: "\n").filter { !$0.hasPrefix("memory") && !$0.hasPrefix("of it, pages") }
            }
            #expect(lines(result.stdout) == lines(expected.stdout))
        }
        let ingest = try runUnprivileged(program, ["ingest", database, fixture])
        #expect(ingest.exitCode == 1, "\(ingest.stderr)")
        #expect(
            ingest.lastErrorLine.hasPrefix("embdb: ") && ingest.lastErrorLine.contains("cells.embdb"),
            "\(ingest.stderr)")
        #expect(ingest.stdout.isEmpty)
        #expect(FileManager.default.contents(atPath: database) == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["cells.embdb"])
    }
}
