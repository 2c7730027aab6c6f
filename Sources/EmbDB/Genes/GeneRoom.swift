/// How much the sums of groups of cells may take.
package enum GeneRoom {
    /// Groups beside that of all cells.
    package static let largestGroupCount = 200
    /// Memory for the sums of all of them.
    package static let largestBytes = 4 << 30

    /// - Throws: ``EmbDBError/Code/usage`` if so many groups are too many.
    package static func check(
        groups: Int, column: String, tokenCount: Int, dimension: Int
    ) throws(EmbDBError) {
        let bytes = max(1, tokenCount * dimension * 8)
        // One is that of all cells.
        let most = max(1, min(largestGroupCount, largestBytes / bytes - 1))
        guard groups > most else { return }
        throw EmbDBError(
            .usage,
            "--group-genes-by \(column): the obs column has \(groups) values, the sums of each take up to \(bytes >> 20) "
                + "MiB: name a column of at most \(most) values")
    }
}
