/// Neighboring genes of a cell whose deletions share the first layer.
///
/// Below the first layer a token is a function of itself and its position: its own (version A) if it stands before the deleted
/// gene, the one before (version B) if behind it. So the deletion of any of these genes reads nothing but the versions A of
/// the tokens before the last of them, and the versions B of those behind the first: what a block has as rows, in this order.
/// The deletion at position j leaves out one less than the block's genes, from row j on.
struct DeletionBlock: Sendable, Hashable {
    /// Tokens of the cell.
    let length: Int
    /// The genes.
    let positions: Range<Int>

    /// Genes of a block, at most: more would save little, and the keys that differ between deletions are met by each.
    static let largest = 32
    /// Bytes that the first layer's results for a whole block may take.
    private static let bytes = 64 << 20

    /// The block of the gene at `position`. It depends on the cell and the model alone, and so does what is computed with it.
    init(_ position: Int, of cell: CellInput, _ configuration: BertConfiguration, _ precision: Precision) {
        length = cell.tokens.count
        let count = min(
            Self.largest,
            max(1, Self.bytes / (length * configuration.hiddenSize * precision.bytes)))
        let first = position - (position - cell.genes.lowerBound) % count
        positions = first..<min(first + count, cell.genes.upperBound)
    }

    var rows: Int { length + positions.count - 2 }

    var pieces: [TokenPiece] {
        [
            TokenPiece(tokens: 0..<positions.upperBound - 1, firstPosition: 0, row: 0),
            TokenPiece(
                tokens: positions.lowerBound + 1..<length, firstPosition: positions.lowerBound,
                row: positions.upperBound - 1),
        ]
    }
}
