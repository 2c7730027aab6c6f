internal import LMDBStore
internal import Numerics

/// Cells that a perturbation starts from, and those that it is measured towards.
extension Snapshot {
    /// - Throws: `ExpressionError`; ``EmbDBError/Code/nothingFound`` if no cell is selected.
    func rows(
        selectedBy text: String, option: String, in transaction: borrowing ReadTransaction
    ) throws -> Bitmap {
        let rows = try StoredObs.select(text, state: state, live: live, in: transaction)
        if rows.population == 0 {
            throw EmbDBError(.nothingFound, "no cell is selected (\(option) \(text)): change the expression")
        }
        return rows
    }

    /// At most so many of the rows that `text` selects, drawn by `seed`, ascending.
    ///
    /// - Throws: as ``rows(selectedBy:option:in:)``; ``EmbDBError/Code/usage`` for less than one.
    func drawnRows(
        selectedBy text: String, option: String, atMost count: Int?, seed: UInt64,
        in transaction: borrowing ReadTransaction
    ) throws -> [Int] {
        if let count, count < 1 {
            throw EmbDBError(.usage, "the number of cells to draw is \(count): give a whole number from 1")
        }
        let all = try rows(selectedBy: text, option: option, in: transaction).rows
        var random = SeededRandom(seed: seed)
        return random.sample(count ?? all.count, of: all.count).map { all[$0] }
    }

    /// The mean embedding of some rows.
    func direction(to rows: Bitmap) -> Direction {
        Direction(StoredVectors.mean(set, rows: rows.rows) ?? [])
    }
}
