internal import Foundation
internal import LMDBStore

extension Database {
    /// What deleting or overexpressing genes does to chosen cells, cell by cell.
    ///
    /// Deleted genes leave the list that the model reads; a cell without the gene is left out. Overexpressed ones go to
    /// its front, also where the cell did not have them. The snapshot that it began with is kept until it returns. If it is
    /// stopped, the answer has what was done (``PerturbAnswer/isPartial``). The same call then goes on there, as it does after a
    /// kill, by a file beside the database that is written after two seconds; but for affected genes, which are too many
    /// numbers.
    ///
    /// - Throws: ``EmbDBError`` `expression`, `nothingFound` (no cell selected), `unknownGene`, `usage`, `model` if the
    ///   database has none, `cancelled`, `corrupted`.
    /// - Complexity: one pass through the model a cell and gene (a cell, if the genes are perturbed together).
    public func perturb(
        options: PerturbOptions, control: Control = Control()
    ) throws(EmbDBError) -> PerturbAnswer {
        try withEmbDBErrors {
            let start = Date()
            return try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                var run = try PerturbRun(snapshot, options, path: path, in: transaction)
                try run.perform(control: control, in: transaction)
                return run.answer(seconds: Date().timeIntervalSince(start))
            }
        }
    }
}
