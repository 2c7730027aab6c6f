import Foundation
import TestSupport

/// What reading a database gives, all of it, whether it succeeds or not: exit codes, outputs and files.
struct FullRead: Equatable {
    /// One a command: exit code, stdout, and the files that it wrote.
    private(set) var answers: [Answer] = []

    struct Answer: Equatable {
        let command: String
        let exitCode: Int32
        let output: String
        let files: [Data?]
        let lastErrorLine: String

        static func == (a: Answer, b: Answer) -> Bool {
            a.command == b.command && a.exitCode == b.exitCode && a.output == b.output && a.files == b.files
        }
    }

    /// Reads all.
    init(_ database: String, cells: [String]) throws {
        let folder = try TemporaryFolder()
        try export(database, folder, "cells.npy", ["cells.npy", "cells.npy.ids.txt"])
        try export(database, folder, "cells.tsv", ["cells.tsv"])
        try export(database, folder, "tokens.npz", ["tokens.npz"], "--tokens")
        try export(database, folder, "genes.npy", ["genes.npy", "genes.npy.ids.txt"], "--genes")
        try ask(database, cells: cells)
    }

    /// Only `info` and neighbors.
    init(asking database: String, cells: [String]) throws { try ask(database, cells: cells) }

    private mutating func ask(_ database: String, cells: [String]) throws {
        try run(["info", database, "--format", "json"])
        let ids = cells.flatMap { ["--cell", $0] }
        try run(["nearest", database, "--format", "json"] + ids)
        try run(["nearest", database, "--format", "json", "--where", "disease == \"DCM\""] + ids)
        try run(["genes", database, "--format", "json", "--gene", "TTN"])
    }

    private mutating func export(
        _ database: String, _ folder: TemporaryFolder, _ name: String, _ files: [String], _ options: String...
    ) throws {
        try run(["export", database, folder.file(name)] + options, files: files.map(folder.file))
    }

    private mutating func run(_ arguments: [String], files: [String] = []) throws {
        let result = try CommandLineTool.embdb.run(arguments)
        answers.append(
            Answer(
                // Not the names of files, which differ.
                command: ([arguments[0]] + arguments.dropFirst(2).filter { !$0.contains("/") }).joined(separator: " ")
                    + files.compactMap { $0.split(separator: "/").last.map { " \($0)" } }.joined(),
                exitCode: result.exitCode,
                // Not the memory in use, which differs.
                output: result.stdout.split(separator: "\n").filter { !$0.contains("\"memory\"") }
                    .joined(separator: "\n"),
                files: files.map { FileManager.default.contents(atPath: $0) },
                lastErrorLine: result.lastErrorLine))
    }
}
