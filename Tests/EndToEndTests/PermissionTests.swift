import Foundation
import TestSupport
import Testing

/// Files and folders that may not be read or written. The superuser may everything, so as root the program is run as
/// another user, by setpriv of util-linux.
@Suite(.serialized)
struct PermissionTests {
    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]

    /// Whether the program can be run by somebody whom permissions bind.
    static let isPossible: Bool = {
        if geteuid() != 0 { return true }
        let tool = CommandLineTool(path: "/usr/bin/setpriv")
        let result = try? tool.run(nobody + [CommandLineTool.embdb.path, "--version"])
        return result?.exitCode == 0
    }()

    private static func run(_ arguments: [String]) throws -> CommandResult {
        if geteuid() != 0 { return try CommandLineTool.embdb.run(arguments) }
        return try CommandLineTool(path: "/usr/bin/setpriv").run(nobody + [CommandLineTool.embdb.path] + arguments)
    }

    private func refuse(_ arguments: [String], saying words: String...) throws {
        let result = try Self.run(arguments)
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.stdout.isEmpty)
        #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)")
        for word in words { #expect(result.lastErrorLine.contains(word), "\(result.stderr)") }
    }

    @Test(
        "what may not be read or written is refused by name, and a read-only database answers",
        .enabled(if: isPossible, "skipped: as root, and setpriv cannot run the program as another user"))
    func permissions() throws {
        let bench = try Workbench.filled()
        let files = FileManager.default
        let secret = bench.file("secret.h5ad")
        try files.copyItem(atPath: Workbench.fixture("more"), toPath: secret)
        let more = bench.file("more.h5ad")
        try files.copyItem(atPath: Workbench.fixture("more"), toPath: more)
        try files.setAttributes([.posixPermissions: 0o000], ofItemAtPath: secret)
        try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: bench.database)
        try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: bench.database + "-lock")
        try files.setAttributes([.posixPermissions: 0o555], ofItemAtPath: bench.folder.path)
        defer { try? files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.folder.path) }
        let before = try Data(contentsOf: URL(fileURLWithPath: bench.database))

        try refuse(
            ["ingest", bench.file("new.embdb"), secret, "--model", bench.model], saying: "secret.h5ad", "permission")
        try refuse(["ingest", bench.database, more], saying: "cells.embdb", "may only be read")
        try refuse(
            ["ingest", bench.file("new.embdb"), more, "--model", bench.model], saying: bench.folder.path, "permission")
        try refuse(
            ["genes", bench.database, "--group-genes-by", "disease"], saying: "cells.embdb", "may only be read")
        try refuse(["export", bench.database, bench.file("x.npy")], saying: "x.npy", "permission")
        let answer = try Self.run(["nearest", bench.database, "--cell", "cell0", "-k", "3", "--format", "json"])
        #expect(answer.exitCode == 0, "\(answer.stderr)")
        #expect(try answer.json()["queries"][0]["neighbors"].array.count == 3)
        #expect(try Data(contentsOf: URL(fileURLWithPath: bench.database)) == before)
        #expect(!files.fileExists(atPath: bench.file("new.embdb")))
    }

    @Test("while another process writes, an ingest says so and changes nothing")
    func locked() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        // flock on the database file is the writers' lock.
        let descriptor = open(bench.database, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        let result = try CommandLineTool.embdb.run(
            ["ingest", bench.database, Workbench.fixture("more")], timeLimit: 120)
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.stdout.isEmpty)
        #expect(
            result.lastErrorLine.hasPrefix("embdb: process \(getpid()) is writing to the database"), "\(result.stderr)")
        // It has not to be waited for to read.
        #expect(try Contents(bench.database) == before)
    }
}
