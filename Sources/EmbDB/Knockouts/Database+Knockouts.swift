internal import Foundation
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Ranks genes by how far their deletion (or overexpression) moves the `from` cells towards the `to` cells.
    ///
    /// Exact: every gene is perturbed in every `from` cell that has it among the genes the model reads, and each such
    /// cell is embedded again. The snapshot that it began with is kept until it returns.
    ///
    /// - Throws: ``EmbDBError`` `expression`, `nothingFound` (no cell selected), `unknownGene`, `cancelled`, `corrupted`.
    /// - Complexity: one pass through the model a cell and gene.
    public func knockouts(
        options: KnockoutOptions, control: Control = Control()
    ) throws(EmbDBError) -> KnockoutRanking {
        try withEmbDBErrors {
            let start = Date()
            return try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                var run = try KnockoutRun(snapshot, options, path: path, in: transaction)
                try run.perform(control: control, in: transaction)
                return run.ranking(seconds: Date().timeIntervalSince(start))
            }
        }
    }
}
