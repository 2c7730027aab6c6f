internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Ids and ranked tokens of the rows.
enum StoredCells {
    /// The visible, live row of a cell id; nil if there is none.
    static func row(
        of cell: String, state: DatabaseState, live: Bitmap, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Int? {
        guard !cell.isEmpty, cell.utf8.count <= Layout.longestCellID,
            let row = try Layout.rowOfCell.value(for: cell, in: transaction), row < UInt64(state.rows)
        else { return nil }
        return live[Int(row)] ? Int(row) : nil
    }

    static func id(ofRow row: Int, in transaction: borrowing some Transaction & ~Copyable) throws -> String {
        guard let id = try Layout.cellOfRow.value(for: UInt64(row), in: transaction) else {
            throw EmbDBError(.corrupted, "row \(row) has no cell id: restore a backup, or ingest again into a new file")
        }
        return id
    }

    static func ranking(
        ofRow row: Int, vocabularyCount: Int, into cell: inout RankedCell,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        let found: Void? = try Layout.tokens.withBytes(for: UInt64(row), in: transaction) { span in
            guard Checksummed.isWhole(span) else {
                throw EmbDBError(
                    .corrupted,
                    "the tokens of row \(row) are damaged: restore a backup, or ingest again into a new file")
            }
            try StoredCell.read(
                span.extracting(droppingFirst: Checksummed.headerBytes), vocabularyCount: vocabularyCount, into: &cell)
        }
        if found == nil {
            throw EmbDBError(.corrupted, "row \(row) has no tokens: restore a backup, or ingest again into a new file")
        }
    }
}
