import Foundation
import TestSupport
import Testing

/// All that can be exported from a database, as bytes, and what `info` says (without the file's size and memory).
struct Contents: Equatable {
    let embeddings: Data
    let ids: String
    let obs: String
    let tokens: Data
    let info: String

    init(_ database: String) throws {
        let folder = try TemporaryFolder()
        func export(_ name: String, _ options: String...) throws -> Data {
            let result = try CommandLineTool.embdb.run(["export", database, folder.file(name)] + options)
            try #require(result.exitCode == 0, "\(result.command): \(result.stderr)")
            return try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
        }
        embeddings = try export("cells.npy")
        ids = try String(contentsOfFile: folder.file("cells.npy.ids.txt"), encoding: .utf8)
        obs = String(decoding: try export("cells.tsv"), as: UTF8.self)
        tokens = try export("cells.npz", "--tokens")
        info = try Self.info(database)
    }

    /// What `info` says, without the file's size and the memory in use.
    static func info(_ database: String) throws -> String {
        let result = try CommandLineTool.embdb.run(["info", database, "--format", "json"])
        return result.stdout.split(separator: "\n")
            .filter { !$0.contains("\"file_bytes\"") && !$0.contains("\"memory\"") }.joined(separator: "\n")
    }

    var cells: [String] { ids.split(separator: "\n").map(String.init) }

    /// Embeddings, one a cell.
    var vectors: [[Float]] {
        get throws { try NumPyFile(embeddings).rows }
    }

    /// One dictionary a cell.
    var rows: [[String: String]] { Self.rows(obs) }

    /// The obs of a database, one dictionary a cell.
    static func obs(_ database: String) throws -> [[String: String]] {
        let folder = try TemporaryFolder()
        let result = try CommandLineTool.embdb.run(["export", database, folder.file("obs.tsv")])
        try #require(result.exitCode == 0, "\(result.command): \(result.stderr)")
        return rows(try String(contentsOfFile: folder.file("obs.tsv"), encoding: .utf8))
    }

    private static func rows(_ table: String) -> [[String: String]] {
        let lines = table.split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
    }
}
