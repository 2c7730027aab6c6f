internal import Foundation
internal import LMDBStore
internal import Numerics

extension Database {
    /// Counts → tokens → transformer → embeddings, obs, index. The first ingest stores the model in the database.
    ///
    /// Batches are committed as they are computed and become visible together with the last one. An interrupted ingest
    /// goes on where it stopped when the same one is asked for again, and gives what an uninterrupted one would have.
    ///
    /// - Parameters:
    ///   - files: `.h5ad`, `.loom` and 10x Genomics `.h5` files, and 10x `mtx` folders, in this order.
    ///   - path: the database; made if it is not there, after the files and the model were found to be usable.
    ///   - options: which model, which matrix, which cells.
    ///   - control: told of every cell and asked whether to stop.
    /// - Throws: ``EmbDBError`` `input` with file, path inside it, row and value; `model`, `duplicateCells`,
    ///   `pendingIngest`, `expression`, `nothingFound`, `locked`, `storage`, `cancelled`. The database then shows what
    ///   it showed before.
    public static func ingest(
        _ files: [String], into path: String, options: IngestOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestReport {
        try withEmbDBErrors {
            let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
            return try ingest(
                files, into: size > 0 ? open(path, access: .create) : nil, path: path, options: options,
                control: control)
        }
    }

    /// ``ingest(_:into:options:control:)`` into this database, which must be open for writing.
    ///
    /// - Throws: as there; `usage` if the database was opened read-only.
    public func ingest(
        _ files: [String], options: IngestOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestReport {
        try withEmbDBErrors {
            guard environment.mode != .readOnly else {
                throw EmbDBError(.usage, "the database was opened read-only (\(path)): open it for writing")
            }
            return try Self.ingest(files, into: self, path: path, options: options, control: control)
        }
    }

    /// - Parameter existing: nil for a database that is made once the files and the model were found to be usable.
    private static func ingest(
        _ files: [String], into existing: Database?, path: String, options: IngestOptions, control: Control
    ) throws -> IngestReport {
        try checkRequest(files, options)
        let start = Date()
        var run = try IngestRun(reading: existing, path: path, files: files, options: options, control: control)
        // No database is made for cells that cannot be taken.
        if existing == nil { _ = try run.checkCells(nil) }
        let database = try existing ?? open(path, access: .create)
        var report = try run.perform(on: database)
        try database.updateIndex(threads: options.threads, control: control)
        if let column = options.groupGenesBy {
            try database.updateGenes(groupedBy: column, mustStore: true, threads: options.threads, control: control)
        }
        report.seconds = Date().timeIntervalSince(start)
        return report
    }

    static func checkRequest(_ files: [String], _ options: IngestOptions) throws(EmbDBError) {
        guard !files.isEmpty else { throw EmbDBError(.usage, "no file to ingest: name at least one") }
        if let sample = options.sample, sample < 1 {
            throw EmbDBError(.usage, "the number of cells to draw is \(sample): give a whole number from 1")
        }
    }
}
