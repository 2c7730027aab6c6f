import Foundation

/// One cell as it is exported: obs by column, embedding as bytes.
struct Cell: Equatable {
    var obs: [String: String]
    var embedding: Data
}

/// All that can be read from a database.
struct Contents: Equatable {
    /// The exported files: ids, embeddings, obs, tokens.
    var files: [Data] = []
    /// What `info` says, without the file's size and the memory in use.
    var info = ""
    var count = 0
    var isPending = false
    /// Rows in the graph.
    var indexed = 0

    /// The same answers to every question; the graph and unfinished work aside.
    func hasSameCells(as other: Contents) -> Bool { files == other.files && count == other.count }

    /// - Throws: ``Loss`` if a command fails, `verify` among them.
    init(_ database: String, _ program: Program, hasTokens: Bool) throws {
        // Killed before the file was made or filled: there is nothing in it.
        guard Self.size(database) > 0 else { return }
        let verify = try program.run(["verify", database, "--format", "json"])
        let info = try program.run(["info", database, "--format", "json"])
        if verify.exitCode == 1, info.exitCode == 1, info.lastLine.contains("empty") { return }
        guard info.exitCode == 0 else { throw Loss("info fails: \(info.lastLine)") }
        guard let answer = try JSONSerialization.jsonObject(with: Data(info.output.utf8)) as? [String: Any],
            let count = answer["cells"] as? Int
        else { throw Loss("info is no JSON: \(info.output)") }
        self.count = count
        isPending = answer["pending_ingest"] is [String: Any]
        indexed = (answer["index"] as? [String: Any])?["indexed"] as? Int ?? 0
        self.info = info.output.split(separator: "\n").filter {
            !$0.contains("\"file_bytes\"") && !$0.contains("\"memory\"")
        }
        .joined(separator: "\n")
        guard verify.exitCode == (count == 0 ? 2 : 0) else {
            throw Loss("verify exits with \(verify.exitCode) for \(count) cells: \(verify.lastLine)")
        }
        guard count > 0 else { return }
        var names = ["cells.npy", "cells.tsv"]
        if hasTokens { names.append("cells.npz") }
        for name in names {
            let path = program.folder + "/" + name
            let export = try program.run(
                ["export", database, path, "--quiet"] + (name == "cells.npz" ? ["--tokens"] : []))
            guard export.exitCode == 0 else { throw Loss("export fails: \(export.lastLine)") }
            files.append(try Data(contentsOf: URL(fileURLWithPath: path)))
            if name == "cells.npy" { files.append(try Data(contentsOf: URL(fileURLWithPath: path + ".ids.txt"))) }
        }
    }

    /// The cells by id.
    ///
    /// - Throws: ``Loss`` if the exports do not fit each other, or an id is there twice.
    func cells() throws -> [String: Cell] {
        guard !files.isEmpty else { return [:] }
        let (matrix, ids) = (files[0], String(decoding: files[1], as: UTF8.self).split(separator: "\n"))
        let lines = String(decoding: files[2], as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        let headerBytes = 10 + Int(matrix[8]) + Int(matrix[9]) << 8
        guard ids.count == count, lines.count == count + 1, count > 0, (matrix.count - headerBytes) % (4 * count) == 0
        else { throw Loss("\(count) cells, but \(ids.count) ids and \(lines.count - 1) rows of obs are exported") }
        let stride = (matrix.count - headerBytes) / count
        var cells: [String: Cell] = [:]
        for (row, (id, line)) in zip(ids, lines.dropFirst()).enumerated() {
            guard line.first.map({ $0 == id }) == true else {
                throw Loss("row \(row) of obs is not that of cell \(id)")
            }
            let start = headerBytes + row * stride
            // What is missing is as if there were no such column.
            let obs = zip(lines[0], line).dropFirst().filter { !$0.1.isEmpty }
            let cell = Cell(
                obs: Dictionary(uniqueKeysWithValues: obs.map { ($0, $1) }), embedding: matrix[start..<start + stride])
            guard cells.updateValue(cell, forKey: String(id)) == nil else { throw Loss("cell \(id) is there twice") }
        }
        return cells
    }

    static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private init() {}
    static let nothing = Contents()
}
