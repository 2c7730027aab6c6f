import Foundation
import TestSupport
import Testing

/// A folder with a tiny model, where databases are made and asked by the built program.
final class Workbench: Sendable {
    /// The shape of a model with seeded weights over the fixtures' genes.
    struct Model {
        var layers = 2
        var hidden = 32
        var feedForward = 64
        var seed = 1
        var maximumLength = 256

        /// Slow enough that an ingest of the fixture takes a second or two.
        static let slow = Model(layers: 6, hidden: 256, feedForward: 1024)
    }

    let folder: TemporaryFolder
    /// The model folder.
    let model: String
    /// The database that most tests use.
    let database: String

    init(_ model: Model = Model()) throws {
        folder = try TemporaryFolder()
        self.model = folder.file("model")
        database = folder.file("cells.embdb")
        try Self.write(model, to: self.model)
    }

    /// A bench whose database holds the 300 cells of `cells.h5ad`.
    static func filled(_ model: Model = Model()) throws -> Workbench {
        let bench = try Workbench(model)
        try bench.ingest("cells")
        return bench
    }

    static func write(_ model: Model, to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let vocabulary = try String(contentsOfFile: Self.fixtures + "/vocabulary.tsv", encoding: .utf8)
        try vocabulary.write(toFile: path + "/vocabulary.tsv", atomically: true, encoding: .utf8)
        let tokens = vocabulary.split(separator: "\n").count - 1
        let config = """
            {"model_type": "bert", "vocab_size": \(tokens), "hidden_size": \(model.hidden),
             "num_hidden_layers": \(model.layers), "num_attention_heads": 4,
             "intermediate_size": \(model.feedForward), "hidden_act": "relu",
             "max_position_embeddings": \(model.maximumLength), "type_vocab_size": 2, "layer_norm_eps": 1e-12,
             "pad_token_id": 0, "embdb_seed": \(model.seed)}
            """
        try config.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
    }

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        .path

    /// A file that Tools/make_endtoend_fixtures.py wrote.
    static func fixture(_ name: String) -> String { "\(fixtures)/\(name).h5ad" }

    func file(_ name: String) -> String { folder.file(name) }

    /// Runs `embdb` with these arguments.
    @discardableResult
    func run(_ arguments: String..., timeLimit: Double = 60) throws -> CommandResult {
        try CommandLineTool.embdb.run(arguments, timeLimit: timeLimit)
    }

    /// Ingests a fixture with the bench's model and expects it to succeed.
    @discardableResult
    func ingest(
        _ fixture: String, into database: String? = nil, _ options: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONAnswer {
        let result = try CommandLineTool.embdb.run(
            ["ingest", database ?? self.database, Self.fixture(fixture), "--model", model, "--format", "json"] + options
        )
        #expect(result.exitCode == 0, "\(result.command): \(result.stderr)", sourceLocation: sourceLocation)
        return try result.json()
    }

    /// Runs a verb on the database, expects exit code 0, and returns its JSON.
    func ask(_ verb: String, _ options: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
        -> JSONAnswer
    {
        let result = try CommandLineTool.embdb.run([verb, database] + options + ["--format", "json"])
        #expect(result.exitCode == 0, "\(result.command): \(result.stderr)", sourceLocation: sourceLocation)
        return try result.json()
    }

    /// Lets an ingest into the bench's database run in slices of 20 ms and stops it while it is looked at, until its
    /// first cells are committed. Returns their number, with the ingest stopped: `SIGCONT` lets it go on. However fast
    /// the machine, and however long a look takes on it, the ingest is then in its middle.
    func stopWithPendingCells(_ ingest: RunningCommand) throws -> Int {
        while !ingest.hasEnded {
            usleep(20_000)
            ingest.send(SIGSTOP)
            let info = try CommandLineTool.embdb.start(["info", database, "--format", "json"])
            // Stopped with a lock of LMDB's in its hand, the ingest lets nobody else in.
            let result = try? info.wait(timeLimit: 5)
            if let result, result.exitCode == 0 {
                let pending = try result.json()["pending_ingest"]["cells_written"].int ?? 0
                if pending > 0 { return pending }
            }
            ingest.send(SIGCONT)
        }
        throw Missed(result: try ingest.wait())
    }

    /// An ingest that ended before it could be stopped.
    private struct Missed: Error, CustomStringConvertible {
        let result: CommandResult
        var description: String { "ended before its first commit was seen: \(result.command): \(result.stderr)" }
    }

    /// Runs a verb on the database and expects it to fail: this exit code, nothing on stdout, and a last line that
    /// begins with `embdb: ` and holds all of `words`.
    @discardableResult
    func refused(
        _ exitCode: Int32, _ arguments: [String], saying words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> CommandResult {
        let result = try CommandLineTool.embdb.run(arguments)
        #expect(result.exitCode == exitCode, "\(result.command): \(result.stderr)", sourceLocation: sourceLocation)
        #expect(result.stdout.isEmpty, "\(result.command): \(result.stdout)", sourceLocation: sourceLocation)
        #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)", sourceLocation: sourceLocation)
        for word in words {
            #expect(result.lastErrorLine.contains(word), "\(result.stderr)", sourceLocation: sourceLocation)
        }
        return result
    }
}
