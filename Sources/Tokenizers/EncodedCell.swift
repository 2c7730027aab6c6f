/// A cell as the model reads it, and the whole ranking that it was cut from.
package struct EncodedCell: Sendable, Hashable {
    /// What the model reads: special tokens included, no longer than the model's input.
    package var tokens: [UInt32] = []
    /// The whole cell, before it was cut; without special tokens.
    package var ranking = RankedCell()
    /// Whether the model reads less than the whole ranking.
    package var isTruncated = false
    /// Whether the cell has no gene that the vocabulary knows.
    package var isEmpty: Bool { ranking.tokens.isEmpty }

    /// A cell to be filled; one may be filled again and again.
    package init() {}
}

/// A cell's genes by descending rank value, with their counts: all that is needed to embed it again.
package struct RankedCell: Sendable, Hashable {
    /// The genes, highest rank value first.
    package var tokens: [UInt32] = []
    /// The counts of the same genes as they were in the file, columns of one gene summed; > 0.
    package var counts: [Double] = []
    /// The sum of the cell's counts over all genes of the file, those without a token included.
    package var total = 0.0

    /// A ranked cell; `tokens` and `counts` have the same length.
    package init(tokens: [UInt32] = [], counts: [Double] = [], total: Double = 0) {
        precondition(tokens.count == counts.count, "one count for each token")
        self.tokens = tokens
        self.counts = counts
        self.total = total
    }
}
