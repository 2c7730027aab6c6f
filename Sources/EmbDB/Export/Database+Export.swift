internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Writes the cell embeddings to `path` (.npy, float32 [cells, dimension], as computed, in order of ingestion) and
    /// the ids, one a line, to `path` + ".ids.txt".
    ///
    /// - Returns: the number of cells.
    /// - Throws: ``EmbDBError`` `nothingFound` without cells, `storage`, `corrupted`, `cancelled`.
    public func exportEmbeddings(to path: String, control: Control = Control()) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path)
                let rows = snapshot.live.rows
                let dimension = snapshot.settings.dimension
                var file = try OutputFile(path)
                var ids = try OutputFile(path + ".ids.txt")
                try file.write(NPYFile.header(descriptor: "<f4", shape: [rows.count, dimension]))
                for (done, row) in rows.enumerated() {
                    if done % 4096 == 0 { try control.exported(done, of: rows.count) }
                    try file.write(UnsafeRawBufferPointer(start: snapshot.set.vectors.row(row), count: dimension * 4))
                    try ids.write(try StoredCells.id(ofRow: row, in: transaction) + "\n")
                }
                try ids.finish()
                try file.finish()
                return rows.count
            }
        }
    }

    /// Writes obs to `path`: tab separated, a header, the cell's id in the first column `cell`; missing values are empty,
    /// tabs and line ends in values become blanks.
    ///
    /// - Returns: the number of cells.
    /// - Throws: as ``exportEmbeddings(to:control:)``.
    public func exportObs(to path: String, control: Control = Control()) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path)
                let rows = snapshot.live.rows
                var names: [Int: [String]] = [:]
                var file = try OutputFile(path)
                let header = ["cell"] + snapshot.state.columns.map(\.name)
                try file.write(TabSeparated.row(header))
                for (done, row) in rows.enumerated() {
                    if done % 4096 == 0 { try control.exported(done, of: rows.count) }
                    let values = try StoredObs.values(
                        ofRow: row, state: snapshot.state, names: &names, in: transaction)
                    let fields = [try StoredCells.id(ofRow: row, in: transaction)] + values.map(\.value.description)
                    try file.write(TabSeparated.row(fields))
                }
                try file.finish()
                return rows.count
            }
        }
    }

    /// Writes what the model reads of every cell to `path` (.npz): `indptr` (int64 [cells + 1]) and `tokens` (uint32,
    /// special tokens included): cell i has tokens[indptr[i] ..< indptr[i + 1]].
    ///
    /// - Returns: the number of cells.
    /// - Throws: as ``exportEmbeddings(to:control:)``.
    public func exportTokens(to path: String, control: Control = Control()) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path)
                let model = try snapshot.requireModel(path: self.path)
                let record = try StoredModel.record(model, in: transaction)
                let encoder = try RankValueEncoder(
                    vocabulary: try StoredModel.vocabulary(model, in: transaction),
                    maximumLength: record.architecture.maximumLength)
                let rows = snapshot.live.rows
                let reader = TokenReader(
                    rows: rows, encoder: encoder, vocabularyCount: record.vocabularyCount, control: control)
                var indptr: [Int64] = [0]
                try reader.forEach(in: transaction) { indptr.append((indptr.last ?? 0) + Int64($0.count)) }
                var file = try NPZWriter(path)
                try file.add("indptr", descriptor: "<i8", shape: [indptr.count]) { write in
                    try indptr.withUnsafeBytes { try write($0) }
                }
                try file.add("tokens", descriptor: "<u4", shape: [Int(indptr.last ?? 0)]) { write in
                    try reader.forEach(in: transaction) { tokens in try tokens.withUnsafeBytes { try write($0) } }
                }
                try file.finish()
                return rows.count
            }
        }
    }
}

extension Control {
    /// Between some cells of an export.
    func exported(_ done: Int, of total: Int) throws(EmbDBError) {
        try checkCancelled("stopped; nothing was written")
        progress(.init(unit: "cells", phase: "writing", done: done, total: total))
    }
}

/// Reads what the model reads of stored cells, one after another.
private struct TokenReader {
    let rows: [Int]
    let encoder: RankValueEncoder
    let vocabularyCount: Int
    let control: Control

    func forEach(in transaction: borrowing ReadTransaction, _ body: ([UInt32]) throws -> Void) throws {
        var cell = RankedCell()
        var input: [UInt32] = []
        for (done, row) in rows.enumerated() {
            if done % 4096 == 0 { try control.exported(done, of: rows.count) }
            try StoredCells.ranking(ofRow: row, vocabularyCount: vocabularyCount, into: &cell, in: transaction)
            encoder.modelInput(of: cell.tokens, into: &input)
            try body(input)
        }
    }
}
