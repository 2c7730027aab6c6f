internal import LMDBStore
internal import Numerics

extension Database {
    /// Deletes the cells that an expression over obs selects, in one transaction: no answer names them from then on, and
    /// their ids are free to be ingested again.
    ///
    /// The rows stay in the file. Files whose cells were deleted
    /// count no more as ingested, so that the same ingest again is one: with `onConflict` `skip` it brings the deleted
    /// cells back. Gene embeddings still hold the deleted cells; they are taken out, exactly, when gene embeddings are
    /// asked for the next time.
    ///
    /// - Parameters:
    ///   - expression: which cells, as in `disease == "DCM"`.
    ///   - dryRun: only says what would be deleted; then the database may be opened read-only.
    ///   - control: may stop it before anything is deleted.
    /// - Throws: ``EmbDBError`` `expression`, `nothingFound` if no cell is selected, `usage` for a database that was opened
    ///   read-only, `pendingIngest` while an ingest is unfinished, `locked`, `storage`, `corrupted`. No cell is deleted
    ///   then.
    /// - Complexity: O(rows).
    public func delete(
        where expression: String, dryRun: Bool = false, control: Control = Control()
    ) throws(EmbDBError) -> DeletionReport {
        try withEmbDBErrors {
            if dryRun {
                return try environment.read { try Deletion(expression, path: path, in: $0).report }
            }
            try requireWriting()
            return try environment.write { transaction in
                try control.checkCancelled("stopped; no cell was deleted")
                let deletion = try Deletion(expression, path: path, in: transaction)
                try MetaRecords.putDeleted(deletion.live, in: &transaction)
                try MetaRecords.put(deletion.state, in: &transaction)
                return deletion.report
            }
        }
    }

    /// - Throws: ``EmbDBError/Code/usage``.
    func requireWriting() throws(EmbDBError) {
        guard environment.mode != .readOnly else {
            throw EmbDBError(.usage, "the database was opened read-only (\(path)): open it for writing")
        }
    }
}

/// What a deletion makes of the records.
private struct Deletion {
    private(set) var state: DatabaseState
    private(set) var live: Bitmap
    let report: DeletionReport

    init(
        _ expression: String, path: String, in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        state = try MetaRecords.state(transaction)
        live = try MetaRecords.live(transaction, rows: state.rows)
        // Its last batch would bring back what it has decided before.
        try MetaRecords.refusePending(state, path: path, in: transaction)
        guard live.population > 0 else { throw Snapshot.noCells(state, pending: nil, path: path) }
        let rows = try StoredObs.select(expression, state: state, live: live, in: transaction)
        guard rows.population > 0 else {
            throw EmbDBError(.nothingFound, "no cell is selected (\(expression)): change the expression")
        }
        let before = live.population
        live.subtract(rows)
        // What these ingests brought is not all there any more: the same commands may bring it back.
        state.ingests.removeAll { ingest in
            (ingest.firstRow..<ingest.firstRow + ingest.cells).contains { rows[$0] }
        }
        report = DeletionReport(
            cellsDeleted: rows.population, cellsLeft: before - rows.population,
            values: try Self.values(of: rows, in: expression, state, transaction))
    }

    /// How many of the deleted cells have which value, of the columns that the expression names.
    private static func values(
        of rows: Bitmap, in expression: String, _ state: DatabaseState,
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> [DeletionReport.Column] {
        var result: [DeletionReport.Column] = []
        let named = try Expression.parse(expression).columns
        for (number, column) in state.columns.enumerated() where named.contains(column.name) {
            guard
                case .categories(let codes, let names) = try StoredObs.column(number, state: state, in: transaction)
            else { continue }
            // One more for missing values.
            var counts = [Int](repeating: 0, count: names.count + 1)
            for row in rows.rows { counts[codes[row] < 0 ? names.count : Int(codes[row])] += 1 }
            let used = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$1], $0) < (counts[$0], $1) }
            result.append(
                .init(
                    name: column.name,
                    values: used.map { ($0 < names.count ? names[$0] : nil, counts[$0]) }))
        }
        return result
    }
}
