internal import Foundation
internal import LMDBStore
internal import Tokenizers

/// For every gene, mean log1p(counts per 10,000) of one set of cells minus that of another, from the stored counts.
struct ExpressionDifference {
    private var difference: [Double]
    private var isSeen: [Bool]

    init(from: [Int], to: [Int], vocabularyCount: Int, in transaction: borrowing ReadTransaction) throws {
        difference = Array(repeating: 0, count: vocabularyCount)
        isSeen = Array(repeating: false, count: vocabularyCount)
        var cell = RankedCell()
        for (rows, sign) in [(from, -1.0), (to, 1.0)] {
            for row in rows {
                try StoredCells.ranking(ofRow: row, vocabularyCount: vocabularyCount, into: &cell, in: transaction)
                for (token, count) in zip(cell.tokens, cell.counts) {
                    isSeen[Int(token)] = true
                    difference[Int(token)] += sign * log1p(count / cell.total * 10_000) / Double(rows.count)
                }
            }
        }
    }

    /// nil for a gene that none of the cells has, perhaps since it is not in the file.
    subscript(token: UInt32) -> Double? { isSeen[Int(token)] ? difference[Int(token)] : nil }
}
