internal import LMDBStore

/// Drops what an unfinished ingest has written, so that another one can start.
enum PendingWork {
    static func drop(_ pending: PendingIngest, state: DatabaseState, in transaction: inout WriteTransaction) throws {
        let (first, end) = (UInt64(state.rows), UInt64(pending.state.rows))
        for row in first..<max(first, end) {
            if let cell = try Layout.cellOfRow.value(for: row, in: transaction) {
                if try Layout.rowOfCell.value(for: cell, in: transaction) == row {
                    try Layout.rowOfCell.remove(cell, in: &transaction)
                }
                try Layout.cellOfRow.remove(row, in: &transaction)
            }
            try Layout.tokens.remove(row, in: &transaction)
        }
        try Layout.replacement.removeAll(in: &transaction)
        for (number, column) in pending.state.columns.enumerated() {
            let known = number < state.columns.count
            try truncate(Layout.obs(number, column.kind), to: known ? state.rows : 0, in: &transaction)
            let names = Layout.names(ofColumn: number)
            let kept = known ? state.columns[number].categoryCount : 0
            for code in kept..<max(kept, column.categoryCount) { try names.remove(UInt32(code), in: &transaction) }
        }
        if let embedding = pending.state.embedding {
            try truncate(
                Layout.vectors(dimension: embedding.dimension, in: transaction), to: state.rows, in: &transaction)
            try truncate(
                Layout.codes(dimension: embedding.dimension, in: transaction), to: state.rows, in: &transaction)
            try truncate(Layout.codeScales, to: state.rows, in: &transaction)
            try StoredGenes.dropPending(dimension: embedding.dimension, in: &transaction)
        }
        if state.model == nil { try Layout.model.removeAll(in: &transaction) }
        try MetaRecords.put(nil as PendingIngest?, in: &transaction)
    }

    private static func truncate(
        _ column: BlockColumn, to rows: Int, in transaction: inout WriteTransaction
    ) throws {
        if try column.count(in: transaction) > rows { try column.truncate(to: rows, in: &transaction) }
    }
}
