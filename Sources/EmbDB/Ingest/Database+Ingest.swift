internal import Foundation
internal import LMDBStore
internal import Numerics

extension Database {
    /// Counts → tokens → transformer → embeddings, obs, index. The first ingest stores the model in the database.
    ///
    /// Batches are committed as they are computed and become visible together with the last one. An interrupted ingest
    /// goes on where it stopped when the same one is asked for again, and gives what an uninterrupted one would have.
    ///
    /// - Parameter files: `.h5ad` files, in this order.
    /// - Throws: ``EmbDBError`` `input` with file, path inside it, row and value; `model`, `duplicateCells`,
    ///   `pendingIngest`, `expression`, `nothingFound`, `locked`, `storage`, `cancelled`. The database then shows what
    ///   it showed before.
    public func ingest(
        _ files: [String], options: IngestOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestReport {
        try withEmbDBErrors {
            guard !files.isEmpty else { throw EmbDBError(.usage, "no file to ingest: name at least one") }
            let start = Date()
            var run = try IngestRun(database: self, files: files, options: options, control: control)
            var report = try run.perform()
            try updateIndex(threads: options.threads, control: control)
            report.seconds = Date().timeIntervalSince(start)
            return report
        }
    }
}
