import Foundation
import TestSupport
import Testing

/// `delete`, `compact` and `backup`, as people script against them, and killed at any moment.
@Suite(.serialized)
struct KeepingTests {
    /// `EMBDB_KILLS` processes of each verb are killed; a few by default.
    private static let kills = ProcessInfo.processInfo.environment["EMBDB_KILLS"].flatMap { Int($0) } ?? 10

    private static func left(_ bench: Workbench, _ endings: String...) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: bench.file("")).filter { name in
            endings.contains { name.hasSuffix($0) }
        }
    }

    @Test("the keys, tables and exit codes that people script against")
    func answers() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        let dcm = before.rows.filter { $0["disease"] == "DCM" }.count
        let planned = try bench.ask("delete", "--where", #"disease == "DCM""#, "--dry-run")
        #expect(planned["cells_deleted"].int == dcm && planned["cells"].int == 300 - dcm)
        #expect(planned["dry_run"].bool == true)
        #expect(try Contents(bench.database) == before)
        let deleted = try bench.ask("delete", "--where", #"disease == "DCM""#)
        #expect(deleted.keys == ["cells_deleted", "cells", "values", "dry_run"])
        #expect(deleted["cells_deleted"].int == dcm)
        #expect(deleted["values"]["disease"][0]["value"].string == "DCM")
        #expect(deleted["values"]["disease"][0]["cells"].int == dcm)
        #expect(try bench.ask("info")["index"]["deleted"].int == dcm)
        let after = try Contents(bench.database)
        #expect(after.rows == before.rows.filter { $0["disease"] != "DCM" })
        try bench.refused(1, ["delete", bench.database, "--where", #"disease == "DCM""#], saying: "DCM")

        let space = try bench.ask("compact", "--dry-run")
        #expect(space["rows_dropped"].int == dcm && space["seconds"].isNull)
        let compacted = try bench.ask("compact")
        #expect(
            compacted.keys == ["cells", "rows_dropped", "bytes_before", "bytes_after", "seconds", "dry_run"])
        #expect(compacted["cells"].int == 300 - dcm && compacted["rows_dropped"].int == dcm)
        let size = try FileManager.default.attributesOfItem(atPath: bench.database)[.size] as? Int
        #expect(compacted["bytes_after"].int == size)
        let whole = try Contents(bench.database)
        #expect(whole.rows == after.rows && whole.embeddings == after.embeddings && whole.tokens == after.tokens)

        let copy = bench.file("copy.embdb")
        #expect(try bench.ask("backup", copy, "--dry-run")["bytes"].int == size)
        #expect(!FileManager.default.fileExists(atPath: copy))
        let copied = try bench.ask("backup", copy)
        #expect(copied.keys == ["file", "cells", "bytes", "seconds", "dry_run"])
        #expect(copied["cells"].int == 300 - dcm)
        #expect(try Contents(copy) == whole)
        #expect(try bench.run("verify", copy).exitCode == 0)
        try bench.refused(64, ["backup", bench.database, copy], saying: "copy.embdb", "already")
        try bench.refused(64, ["backup", bench.database, bench.database], saying: "itself")

        for verb in [
            ["delete", "--where", "age > 0 or age is missing"], ["compact"], ["backup", bench.file("b.embdb")],
        ] {
            let result = try CommandLineTool.embdb.run(
                [verb[0], bench.database] + verb.dropFirst() + ["--format", "tsv"])
            #expect(result.exitCode == 0 && result.stdout.contains("\t"), "\(result.stderr)")
        }
        #expect(try bench.run("verify", bench.database).exitCode == 2)
        try bench.refused(2, ["nearest", bench.database, "--cell", "cell0"], saying: "no cells")
        try bench.ingest("cells")
        #expect(try Contents(bench.database).rows == before.rows)
    }

    @Test("copies that are made while another process ingests are whole, and hold what was visible")
    func backupWhileWriting() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let before = try Contents(bench.database)
        let writer = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
        var copies: [String] = []
        func copy() throws {
            copies.append(bench.file("copy\(copies.count).embdb"))
            let result = try bench.run("backup", bench.database, copies[copies.count - 1])
            #expect(result.exitCode == 0, "\(result.stderr)")
        }
        _ = try bench.stopWithPendingCells(writer)
        try copy()
        writer.send(SIGCONT)
        while !writer.hasEnded { try copy() }
        #expect(try writer.wait().exitCode == 0)
        var pending = 0
        for copy in copies {
            #expect(try bench.run("verify", copy).exitCode == 0)
            let info = try bench.run("info", copy, "--format", "json").json()
            if info["cells"].int == 40 {
                let contents = try Contents(copy)
                #expect(contents.embeddings == before.embeddings && contents.obs == before.obs)
                pending = max(pending, info["pending_ingest"]["cells_written"].int ?? 0)
            } else {
                #expect(info["cells"].int == 340)
            }
        }
        #expect(pending > 0, "no copy was made in the middle of the ingest")
        // An unfinished ingest goes on in the copy.
        let last = try #require(
            copies.last {
                try !bench.run("info", $0, "--format", "json").json()["pending_ingest"].isNull
            })
        let resumed = try bench.run("ingest", last, Workbench.fixture("cells"))
        #expect(resumed.exitCode == 0, "\(resumed.stderr)")
        #expect(try Contents(last).rows == Contents(bench.database).rows)
    }

    @Test("readers and writers of other processes go on while the database is compacted again and again")
    func compactWhileOthers() throws {
        let bench = try Workbench(.slow)
        try bench.ingest("more")
        let writer = try CommandLineTool.embdb.start(["ingest", bench.database, Workbench.fixture("cells")])
        func compactAndAsk() throws -> CommandResult {
            let compacted = try bench.run("compact", bench.database)
            #expect(
                compacted.exitCode == 0 || compacted.lastErrorLine.contains("pending")
                    || compacted.lastErrorLine.contains("writing"), "\(compacted.stderr)")
            let answer = try bench.run("nearest", bench.database, "--cell", "more3", "-k", "3")
            #expect(answer.exitCode == 0, "\(answer.stderr)")
            return compacted
        }
        _ = try bench.stopWithPendingCells(writer)
        #expect(try compactAndAsk().exitCode != 0)
        writer.send(SIGCONT)
        while !writer.hasEnded { _ = try compactAndAsk() }
        let result = try writer.wait()
        #expect(result.exitCode == 0 || result.lastErrorLine.contains("process"), "\(result.stderr)")
        if result.exitCode != 0 { try bench.ingest("cells") }
        #expect(try bench.ask("info")["cells"].int == 340)
        #expect(try bench.ask("verify")["whole"].bool == true)
        #expect(try bench.ask("compact")["cells"].int == 340)
    }

    @Test("kill -9 of delete, compact and backup at random moments: nothing that was confirmed is lost")
    func killed() throws {
        let bench = try Workbench()
        var random = SplitMix64(state: 21)
        let full = bench.file("full.embdb")
        for fixture in ["cells", "more"] { try bench.ingest(fixture, into: full) }
        let all = try Contents(full)
        let kept = all.rows.filter { $0["disease"] != "DCM" }
        for (verb, options) in [
            ("delete", ["--where", #"disease == "DCM""#]), ("compact", []), ("backup", [bench.file("copy.embdb")]),
        ] {
            var (early, late) = (0, 0)
            for _ in 0..<Self.kills {
                for name in try Self.left(bench, "cells.embdb", "cells.embdb-lock", "copy.embdb") {
                    try FileManager.default.removeItem(atPath: bench.file(name))
                }
                try FileManager.default.copyItem(atPath: full, toPath: bench.database)
                if verb != "delete" { _ = try bench.ask("delete", "--where", #"disease == "DCM""#) }
                let process = try CommandLineTool.embdb.start([verb, bench.database] + options)
                usleep(UInt32.random(in: 0..<60_000, using: &random))
                process.send(SIGKILL)
                let result = try process.wait()
                #expect([0, 128 + SIGKILL].contains(result.exitCode), "\(result.stderr)")
                let verify = try bench.run("verify", bench.database)
                #expect(verify.exitCode == 0, "\(verb): \(verify.stderr)")
                let rows = try Contents.obs(bench.database)
                if verb == "delete" {
                    #expect(rows == (result.exitCode == 0 ? kept : rows.count == kept.count ? kept : all.rows))
                } else {
                    #expect(rows == kept)
                }
                if FileManager.default.fileExists(atPath: bench.file("copy.embdb")) {
                    #expect(try bench.run("verify", bench.file("copy.embdb")).exitCode == 0)
                    #expect(try Contents.obs(bench.file("copy.embdb")) == kept)
                }
                if result.exitCode == 0 { late += 1 } else { early += 1 }
                // The same command, or the next one of its kind, finds nothing in its way and cleans up.
                _ = try bench.ask("compact")
                #expect(try Self.left(bench, "-compact", "-compact-lock", "-swap") == [])
                #expect(try bench.run("verify", bench.database).exitCode == 0)
            }
            if Self.kills > 50 { print("\(verb): \(early) killed, \(late) finished before") }
        }
    }
}
