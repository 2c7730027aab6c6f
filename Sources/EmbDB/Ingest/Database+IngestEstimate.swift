internal import Foundation
internal import LMDBStore
internal import Numerics

extension Database {
    /// What ``ingest(_:into:options:control:)`` of the same would do and cost. Everything is opened, every value and id
    /// is checked as for the ingest, and some cells are run through the model; nothing is written, and no database is
    /// made.
    ///
    /// - Throws: what the ingest would throw.
    /// - Complexity: reads all cells; embeds up to 64 for some seconds.
    public static func estimateIngest(
        _ files: [String], into path: String, options: IngestOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestEstimate {
        try withEmbDBErrors {
            try checkRequest(files, options)
            let start = Date()
            let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
            let database = size > 0 ? try open(path) : nil
            // Not made now, but the ingest would not be able to.
            let folder = (path as NSString).deletingLastPathComponent
            guard database != nil || FileManager.default.fileExists(atPath: folder.isEmpty ? "." : folder) else {
                throw EmbDBError(.notFound, "there is no such folder (\(folder)): make it first")
            }
            var run = try IngestRun(reading: database, path: path, files: files, options: options, control: control)
            var estimate = try run.estimate(reading: database, since: start)
            estimate.report.seconds = Date().timeIntervalSince(start)
            return estimate
        }
    }
}
