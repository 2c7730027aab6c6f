internal import CellTransformer
internal import Tokenizers

/// Consecutive cells of a source as they were read.
struct CellBlock: Sendable {
    /// One cell of a source of counts.
    struct Cell: Sendable {
        /// What the model reads.
        let input: CellInput
        /// The whole ranking, see `StoredCell`.
        let stored: [UInt8]
        /// Whether the model reads less than the whole ranking.
        let isTruncated: Bool
    }

    let rows: Range<Int>
    /// Ids of the cells.
    let ids: [String]
    /// By row: nil for a cell that is not selected, and for one that has no gene that the model knows. None for a source
    /// of embeddings.
    let cells: [Cell?]
    /// The cells' embeddings [rows, dimension]; none for a source of counts.
    let vectors: [Float]
}
