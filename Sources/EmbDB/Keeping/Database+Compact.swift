internal import Foundation
internal import LMDBStore
internal import Numerics

extension Database {
    /// Writes the database anew without deleted and replaced cells and without unused pages, and puts the new file in the
    /// place of the old one: space goes back to the file system.
    ///
    /// The cells keep their order; rows are numbered anew, and the index is built anew if any were deleted. Everything is
    /// read against its checksum on the way. Whatever happens, the path leads to the old or to the new file, whole. Others
    /// may read meanwhile and see the new file in their next call; writers wait, or are told to try again. A database that
    /// is open in another process keeps the old file's space until that process asks again or ends.
    ///
    /// If gene embeddings hold deleted cells, these are passed through the model first, to be taken out exactly.
    ///
    /// - Throws: ``EmbDBError`` `usage` for a database that was opened read-only, `pendingIngest` while an ingest is
    ///   unfinished, `locked` (somebody writes, or compacts), `storage` (with numbers, if the disk has no room for the new
    ///   file beside the old one), `corrupted`, `cancelled`. The database is then what it was.
    /// - Complexity: reads all and writes what is kept; with deleted cells the time of building the index.
    public func compact(
        options: CompactOptions = CompactOptions(), control: Control = Control()
    ) throws(EmbDBError) -> CompactionReport {
        try withEmbDBErrors {
            let start = Date()
            let before = Int(try environment.fileBytes())
            if options.dryRun {
                return try environment.read { transaction in
                    let plan = try CompactionPlan(transaction, path: path)
                    return CompactionReport(
                        cells: plan.state.rows, rowsDropped: plan.live.count - plan.state.rows, bytesBefore: before,
                        bytesAfter: min(before, try plan.estimatedBytes(in: transaction)), seconds: 0)
                }
            }
            try requireWriting()
            try takeDeletedOutOfGenes(threads: options.threads, control: control)
            var report = try environment.rewrite { transaction, newPath in
                let plan = try CompactionPlan(transaction, path: path)
                try requireRoom(for: plan.estimatedBytes(in: transaction))
                try plan.write(to: newPath, threads: options.threads, control: control, in: transaction)
                return CompactionReport(
                    cells: plan.state.rows, rowsDropped: plan.live.count - plan.state.rows, bytesBefore: before,
                    bytesAfter: 0, seconds: 0)
            }
            report.bytesAfter = Int(try environment.fileBytes())
            report.seconds = Date().timeIntervalSince(start)
            return report
        }
    }

    /// After the compaction their tokens are gone.
    private func takeDeletedOutOfGenes(threads: Int, control: Control) throws {
        let update = try environment.read { transaction -> GeneUpdate? in
            let state = try MetaRecords.state(transaction)
            try MetaRecords.refusePending(state, path: path, in: transaction)
            let live = try MetaRecords.live(transaction, rows: state.rows)
            guard live.population > 0, let record = try? StoredGenes.record(.visible, in: transaction),
                let plan = try? GenePlan(record.column, state: state, live: live, path: path, in: transaction),
                plan.record != nil, !plan.gone.isEmpty
            else { return nil }
            return try GeneUpdate(
                plan.withoutMissing, Snapshot(transaction, path: path), database: self, threads: threads,
                control: control, in: transaction)
        }
        guard var update else { return }
        try update.perform()
    }

    private func requireRoom(for bytes: Int) throws {
        let free = try environment.freeDiskBytes()
        // Pages that the writing itself leaves behind.
        let needed = bytes + bytes / 16 + 1 << 20
        guard free >= needed else {
            throw EmbDBError(
                .storage,
                "the new file needs about \(needed / 1_000_000 + 1) MB beside the old one, \(free / 1_000_000) MB are free "
                    + "(\(path)): make room, or delete more cells first")
        }
    }
}
