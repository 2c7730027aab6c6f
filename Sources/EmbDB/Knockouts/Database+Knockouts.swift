internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Ranks genes by how far their deletion (or overexpression) moves the `from` cells towards the `to` cells.
    ///
    /// Every deletion of a cell is estimated at the price of some passes (``KnockoutOptions/screen``), 128 of them are
    /// measured to check that, and the budget's rest goes to deletions that decide which genes are the best. Where that
    /// costs no less than measuring everything, everything is measured. The snapshot that it began with is kept until it
    /// returns. Stopped by `control`, it returns what it knows, marked as ``KnockoutRanking/isPartial``.
    ///
    /// - Throws: ``EmbDBError`` `usage`, `expression`, `nothingFound` (no cell selected), `unknownGene`, `model`,
    ///   `corrupted`; `cancelled` if nothing was known yet.
    /// - Complexity: by default some fourteen passes through the model a cell; without estimates one a cell and gene.
    public func knockouts(
        options: KnockoutOptions, control: Control = Control()
    ) throws(EmbDBError) -> KnockoutRanking {
        try withEmbDBErrors {
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                try options.check()
                let start = try StartCells(snapshot, options, path: path, control: control, in: transaction)
                let states = try KnockoutStates(snapshot, options, in: transaction)
                if let column = options.observed {
                    return try ObservedRun(column, snapshot, options, start, states, path: path, in: transaction)
                        .ranking(control: control, in: transaction)
                }
                let embedder = try StoredCellEmbedder(
                    snapshot, threads: options.threads, path: path, in: transaction)
                return try KnockoutRun(snapshot, options, start, states, embedder, path: path, in: transaction)
                    .ranking(control: control)
            }
        }
    }
}
