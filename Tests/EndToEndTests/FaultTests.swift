import Foundation
import TestSupport
import Testing

/// Disks that are full or may only be read, and files that are cut off: a clear error from every verb that writes, and the
/// last committed state.
@Suite(.serialized)
struct FaultTests {
    /// A file system in memory, of a size of its own.
    private final class Disk {
        let path: String
        init?(megabytes: Int, in folder: TemporaryFolder) {
            path = folder.file("disk")
            try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard Self.run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path) else { return nil }
        }
        deinit { _ = Self.run("umount", "-l", path) }

        func mayOnlyBeRead(_ isReadOnly: Bool) -> Bool {
            Self.run("mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", path)
        }

        /// Leaves so many bytes free.
        func fill(leaving bytes: Int) throws {
            var status = statvfs()
            try #require(statvfs(path, &status) == 0)
            let free = Int(status.f_bavail) * Int(status.f_frsize) - bytes
            try Data(count: max(0, free)).write(to: URL(fileURLWithPath: path + "/filler"))
        }

        /// Emptied before it is removed: a program that another test has started meanwhile may have inherited it open, and a
        /// removed file keeps its room as long as that runs.
        func clear() {
            truncate(path + "/filler", 0)
            try? FileManager.default.removeItem(atPath: path + "/filler")
        }

        private static func run(_ arguments: String...) -> Bool {
            (try? CommandLineTool(path: "/usr/bin/env").run(arguments).exitCode) == 0
        }
    }

    private static let canMount: Bool = {
        guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
        return Disk(megabytes: 1, in: folder) != nil
    }()

    private struct Write {
        let name: String
        let arguments: [String]
        /// The database that it writes.
        let target: String
    }

    /// The commands that write to a database of computed embeddings, or one from it.
    private static func writes(_ database: String, _ bench: Workbench, in folder: String) -> [Write] {
        func write(_ name: String, _ arguments: String..., target: String? = nil) -> Write {
            Write(name: name, arguments: arguments, target: target ?? database)
        }
        let (new, vectors, copy) = (folder + "/new.embdb", folder + "/vectors.embdb", folder + "/copy.embdb")
        return [
            write("ingest", "ingest", database, Workbench.fixture("more")),
            write("replace", "ingest", database, Workbench.fixture("changed"), "--on-conflict", "replace"),
            write("group", "genes", database, "--group-genes-by", "donor"),
            write("delete", "delete", database, "--where", "disease == \"DCM\""),
            write("compact", "compact", database),
            write("backup", "backup", database, copy, target: copy),
            write("new", "ingest", new, Workbench.fixture("cells"), "--model", bench.model, target: new),
            write(
                "import", "import", vectors, Workbench.fixture("many_embedded"), "--obsm", "X_model", target: vectors),
        ]
    }

    /// Puts the database back as it was, and removes what else a command wrote.
    private func restore(_ database: String, _ saved: Data, after write: Write) throws {
        for path in [write.target, write.target + "-lock", database + "-lock"] {
            try? FileManager.default.removeItem(atPath: path)
        }
        try saved.write(to: URL(fileURLWithPath: database))
    }

    private func expectRefusal(_ result: CommandResult, _ words: [String]) {
        #expect(result.exitCode == 1, "\(result.command): \(result.exitCode) \(result.stderr)")
        #expect(result.stdout.isEmpty, "\(result.command): \(result.stdout)")
        #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.command): \(result.stderr)")
        #expect(
            words.contains { result.lastErrorLine.contains($0) }, "\(result.command): \(result.lastErrorLine)")
    }

    /// Not that of the interrupted work, which a failed ingest may leave for the same command to continue.
    private func expectSame(_ database: String, as before: Contents, _ what: String) throws {
        let after = try Contents(database)
        let isSame =
            after.cells == before.cells && after.embeddings == before.embeddings && after.obs == before.obs
            && after.tokens == before.tokens
        #expect(isSame, "\(what) changed what is seen")
        let verify = try CommandLineTool.embdb.run(["verify", database])
        #expect(verify.exitCode == 0, "\(what): \(verify.stderr)")
    }

    @Test(
        "On a full disk every writing verb fails with an error, and works once there is room",
        .enabled(if: canMount, "skipped: this needs root and mount(8)"),
        arguments: [0, 8_192, 60_000, 300_000])
    func fullDisk(free: Int) throws {
        let bench = try Workbench()
        let disk = try #require(Disk(megabytes: 12, in: bench.folder))
        let database = disk.path + "/cells.embdb"
        try bench.ingest("cells", into: database)
        let before = try Contents(database)
        var failures = 0
        // Each begins with the same database.
        let saved = try Data(contentsOf: URL(fileURLWithPath: database))
        for write in Self.writes(database, bench, in: disk.path) {
            try disk.fill(leaving: free)
            let result = try CommandLineTool.embdb.run(write.arguments)
            if result.exitCode != 0 {
                failures += 1
                expectRefusal(result, ["full", "No space left", "are free"])
                try expectSame(database, as: before, "\(write.name), \(free) bytes free,")
            }
            disk.clear()
            // A deletion that had the room is done.
            if result.exitCode != 0 || write.name != "delete" {
                let again = try CommandLineTool.embdb.run(write.arguments)
                #expect(again.exitCode == 0, "\(write.name), \(free) bytes free: \(again.stderr)")
            }
            for path in [write.target, database] {
                #expect(try CommandLineTool.embdb.run(["verify", path]).exitCode == 0)
            }
            try restore(database, saved, after: write)
        }
        #expect(failures >= (free < 10_000 ? 7 : 3))
    }

    @Test(
        "A limit on the size of files is an error like a full disk, not the end by a signal",
        .disabled(
            if: Sanitizer.isThread, "skipped: at its start the thread sanitizer maps a file larger than the limit"))
    func fileSizeLimit() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        let saved = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        var failures = 0
        for write in Self.writes(bench.database, bench, in: bench.folder.path) {
            let limit = ["ingest", "group", "replace", "delete"].contains(write.name) ? saved.count + 30_000 : 300_000
            let result = try CommandLineTool(path: "/bin/bash").run(
                ["-c", "ulimit -f \(limit / 1024) && exec \"$0\" \"$@\"", CommandLineTool.embdb.path]
                    + write.arguments)
            // Pages that are free may do for a small one.
            if result.exitCode != 0 {
                failures += 1
                expectRefusal(result, ["ulimit -f"])
                try expectSame(bench.database, as: before, write.name)
                let restart = write.arguments[0] == "ingest" ? ["--restart"] : []
                let again = try CommandLineTool.embdb.run(write.arguments + restart)
                #expect(again.exitCode == 0, "\(write.name): \(again.stderr)")
            }
            try restore(bench.database, saved, after: write)
        }
        #expect(failures >= 5)
    }

    @Test(
        "On a file system that may only be read, reading works and each writing verb says why it does not",
        .enabled(if: canMount, "skipped: this needs root and mount(8)"))
    func readOnlyFileSystem() throws {
        let bench = try Workbench()
        let disk = try #require(Disk(megabytes: 12, in: bench.folder))
        let database = disk.path + "/cells.embdb"
        try bench.ingest("cells", into: database)
        let before = try Contents(database)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: database))
        try #require(disk.mayOnlyBeRead(true))
        for write in Self.writes(database, bench, in: disk.path) {
            let result = try CommandLineTool.embdb.run(write.arguments)
            expectRefusal(result, ["read-only", "may only be read", "permission"])
            let isWritten = write.target != database && FileManager.default.fileExists(atPath: write.target)
            #expect(!isWritten, "\(write.name)")
        }
        // From there to a folder that may be written.
        let copy = bench.file("copy.embdb")
        let backup = try CommandLineTool.embdb.run(["backup", database, copy])
        #expect(backup.exitCode == 0, "\(backup.stderr)")
        try expectSame(copy, as: before, "backup")
        try expectSame(database, as: before, "a refused command")
        #expect(try CommandLineTool.embdb.run(["nearest", database, "--cell", "cell0"]).exitCode == 0)
        #expect(try CommandLineTool.embdb.run(["verify", database]).exitCode == 0)
        let isUnchanged = try Data(contentsOf: URL(fileURLWithPath: database)) == bytes
        #expect(isUnchanged)
        _ = disk.mayOnlyBeRead(false)
    }

    @Test("A database that was cut off anywhere is refused by every verb, and left as it is")
    func truncated() throws {
        let bench = try Workbench.filled()
        let whole = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        var random = SplitMix64(state: 4)
        var lengths = [
            1, 100, 4095, 4096, 4097, 8191, 8192, 12_288, whole.count / 2, whole.count - 4096, whole.count - 1,
        ]
        for _ in 0..<Effort.count("EMBDB_CUTS", quick: 4, slow: 30) {
            lengths.append(Int(random.uniform() * Double(whole.count)))
        }
        let path = bench.file("cut.embdb")
        for length in lengths {
            try? FileManager.default.removeItem(atPath: path + "-lock")
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            for arguments in [
                ["info", path], ["verify", path], ["nearest", path, "--cell", "cell0"],
                ["export", path, bench.file("x.npy")], ["genes", path, "--group-genes-by", "donor"],
                ["ingest", path, Workbench.fixture("more"), "--model", bench.model],
            ] {
                let result = try CommandLineTool.embdb.run(arguments)
                #expect(result.exitCode == 1, "\(length) bytes, \(arguments[0]): \(result.stderr)")
                #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(length) bytes, \(arguments[0]): \(result.stderr)")
                let isUnchanged = try Data(contentsOf: URL(fileURLWithPath: path)) == whole.prefix(length)
                #expect(isUnchanged, "\(length) bytes, \(arguments[0])")
            }
        }
    }

    @Test("Where a record is not that of the last commit, every verb that would write over it is refused")
    func damagedRecord() throws {
        let bench = try Workbench.filled()
        _ = try bench.ask("genes", "--gene", "TTN")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        // A record that is computed anew where it is damaged.
        var count = 0
        var places = bytes[...]
        while let found = places.range(of: Data("genes.counted".utf8)) {
            bytes[found.upperBound + 4] ^= 1
            places = bytes[found.upperBound...]
            count += 1
        }
        try #require(count > 0)
        try bytes.write(to: URL(fileURLWithPath: bench.database))
        func isUnchanged() throws -> Bool { try Data(contentsOf: URL(fileURLWithPath: bench.database)) == bytes }
        let verify = try bench.run("verify", bench.database)
        #expect(verify.exitCode == 1 && verify.stderr.contains("table meta"), "\(verify.stderr)")
        for write in Self.writes(bench.database, bench, in: bench.folder.path) where write.target == bench.database {
            let result = try CommandLineTool.embdb.run(write.arguments)
            expectRefusal(result, ["not those of the last commit", "damaged"])
            #expect(try isUnchanged(), "\(write.name)")
        }
        // Only read, the embeddings of genes are computed anew.
        let genes = try bench.run("genes", bench.database, "--gene", "TTN")
        #expect(genes.exitCode == 0 && genes.stderr.contains("not kept"), "\(genes.stderr)")
        #expect(try isUnchanged())
    }

    @Test("Where a page leads out of the file, a verb ends with an error that names verify, and verify names the page")
    func damagedPage() throws {
        let bench = try Workbench.filled()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        // Every page of a B-tree but the header: an entry that lies past its page's end.
        for page in 2..<bytes.count / 4096 where [1, 2].contains(bytes[page * 4096 + 10] & 0x0F) {
            bytes[page * 4096 + 17] = 0xFF
        }
        try bytes.write(to: URL(fileURLWithPath: bench.database))
        for arguments in [
            ["info", bench.database], ["nearest", bench.database, "--cell", "cell0"],
            ["export", bench.database, bench.file("x.npy")],
            ["ingest", bench.database, Workbench.fixture("more")],
        ] {
            let result = try CommandLineTool.embdb.run(arguments)
            #expect(result.exitCode == 1, "\(result.command): \(result.exitCode) \(result.stderr)")
            #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)")
        }
        let verify = try bench.run("verify", bench.database, "--format", "json")
        #expect(verify.exitCode == 1)
        #expect(try verify.json()["fault"].string?.contains("page") == true, "\(verify.stdout)")
    }
}
