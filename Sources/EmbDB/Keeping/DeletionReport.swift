/// What ``Database/delete(where:dryRun:control:)`` deleted, or would delete.
public struct DeletionReport: Sendable {
    /// A column of names that the expression is about.
    public struct Column: Sendable {
        /// The obs column.
        public let name: String
        /// Deleted cells by their value (nil: it is missing), the most first.
        public let values: [(value: String?, cells: Int)]
    }

    /// Cells that were deleted.
    public let cellsDeleted: Int
    /// Cells that answers can still name.
    public let cellsLeft: Int
    /// The deleted cells by the values of the columns that the expression names, where these hold names.
    public let values: [Column]
}
