import Foundation
import TestSupport
import Testing

/// A folder where tiny models are trained by the built program.
final class TrainingBench: Sendable {
    /// A model that learns in an instant.
    static let tiny = [
        "--layers", "2", "--hidden", "16", "--heads", "2", "--feed-forward", "32", "--length", "64", "--min-genes",
        "50",
        "--batch", "8", "--learning-rate", "0.01", "--steps", "25",
    ]
    /// One whose steps take long enough that it can be stopped between two.
    static let slow = [
        "--layers", "4", "--hidden", "128", "--min-genes", "50", "--batch", "8", "--steps", "30",
        "--checkpoint-minutes",
        "0.00001",
    ]
    /// What a finished training leaves.
    static let files: Set = ["config.json", "held_out.tsv", "model.safetensors", "training.tsv", "vocabulary.tsv"]

    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func file(_ name: String) -> String { folder.file(name) }

    /// The arguments of a training on `cells.h5ad`.
    func arguments(_ name: String, _ options: [String] = tiny, also: [String] = []) -> [String] {
        ["model", "pretrain", file(name), Workbench.fixture("cells"), "--format", "json"] + options + also
    }

    /// Trains, and expects it to succeed.
    @discardableResult
    func pretrain(
        _ name: String, _ options: [String] = tiny, also: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONAnswer {
        let result = try CommandLineTool.embdb.run(arguments(name, options, also: also), timeLimit: 300)
        try #require(result.exitCode == 0, "\(result.command): \(result.stderr)", sourceLocation: sourceLocation)
        return try result.json()
    }

    /// Everything in a folder, by name.
    func contents(_ name: String) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: file(name)) {
            contents[file] = try Data(contentsOf: URL(fileURLWithPath: self.file("\(name)/\(file)")))
        }
        return contents
    }

    /// Expects nothing in a folder but what a training makes, or has begun to make under names that --resume knows: what lies
    /// there for an instant under another name would stay after a kill.
    func expectOnlyOwnNames(in name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let known = Self.files.union(["training.checkpoint"])
        for file in (try? FileManager.default.contentsOfDirectory(atPath: self.file(name))) ?? []
        where !known.contains(file) && !file.hasSuffix(".partial") && !file.contains(".embdb-partial-") {
            Issue.record("\(name): \(file)", sourceLocation: sourceLocation)
        }
    }

    /// Expects a folder to have these files; of one that differs it says where.
    func expectSame(
        _ name: String, _ expected: [String: Data], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let found = try contents(name)
        #expect(found.keys.sorted() == expected.keys.sorted(), "\(name)", sourceLocation: sourceLocation)
        for (file, bytes) in expected {
            guard let own = found[file], own != bytes else { continue }
            let place = zip(own, bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? min(own.count, bytes.count)
            let start = max(0, place - 40)
            let parts = [own, bytes].map { String(decoding: $0.dropFirst(start).prefix(200), as: UTF8.self) }
            Issue.record(
                "\(name): \(file), \(own.count) bytes, not \(bytes.count), differ from byte \(place): \(parts)",
                sourceLocation: sourceLocation)
        }
    }

    func text(_ path: String) throws -> String { try String(contentsOfFile: file(path), encoding: .utf8) }

    /// The columns of a tab-separated file by their names.
    func table(_ path: String) throws -> [String: [String]] {
        let rows = try text(path).split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        let header = try #require(rows.first)
        try #require(rows.allSatisfy { $0.count == header.count })
        return Dictionary(
            uniqueKeysWithValues: header.enumerated().map { column, name in
                (name, rows.dropFirst().map { $0[column] })
            })
    }

    /// Starts a training and returns once it has written a checkpoint down.
    func startUntilCheckpoint(_ name: String, _ options: [String] = slow) throws -> RunningCommand {
        let process = try CommandLineTool.embdb.start(arguments(name, options))
        while !FileManager.default.fileExists(atPath: file("\(name)/training.checkpoint")) {
            if process.hasEnded || process.seconds > 60 { throw Missed(result: try process.wait()) }
            usleep(500)
        }
        return process
    }

    /// After how many steps the checkpoint in a folder was written; nil if there is none.
    func checkpointStep(_ name: String) -> Int? {
        guard let handle = FileHandle(forReadingAtPath: file("\(name)/training.checkpoint")),
            let start = try? handle.read(upToCount: 4096)
        else { return nil }
        return String(decoding: start, as: UTF8.self).firstMatch(of: /"step":"(\d+)"/).flatMap { Int($0.1) }
    }

    /// Expects a failure: this exit code, nothing on stdout, and a last line with all of `words`.
    func refused(
        _ exitCode: Int32, _ arguments: [String], saying words: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try CommandLineTool.embdb.run(arguments, timeLimit: 60)
        #expect(result.exitCode == exitCode, "\(result.command): \(result.stderr)", sourceLocation: sourceLocation)
        #expect(result.stdout.isEmpty, "\(result.command): \(result.stdout)", sourceLocation: sourceLocation)
        let line = result.lastErrorLine
        #expect(
            line.hasPrefix("embdb: ") && line.dropFirst(7).contains(": "), "\(result.stderr)",
            sourceLocation: sourceLocation)
        for word in words { #expect(line.contains(word), "\(result.stderr)", sourceLocation: sourceLocation) }
    }

    /// A training that ended before it could be stopped.
    private struct Missed: Error, CustomStringConvertible {
        let result: CommandResult
        var description: String { "ended before a checkpoint was seen: \(result.command): \(result.stderr)" }
    }
}
