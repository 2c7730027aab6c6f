/// The k nearest cells of every cell, as UMAP and clustering take them.
public struct NeighborGraph: Sendable {
    /// Ids of the cells, in the order of ingestion. A cell's place here is its number in ``indices``.
    public let cells: [String]
    /// Neighbors a cell.
    public let k: Int
    /// [cells, k], row-major: places in ``cells``, nearest first, ties by place. A cell is not its own neighbor. −1
    /// where there are fewer than k.
    public let indices: [Int32]
    /// [cells, k], row-major: 1 − cosine, the Euclidean distance, or minus the inner product; infinity where there are
    /// fewer than k.
    public let distances: [Float]

    /// The neighbors of one cell, nearest first.
    public func neighbors(of cell: Int) -> [(cell: Int, distance: Float)] {
        (cell * k..<(cell + 1) * k).filter { indices[$0] >= 0 }.map { (Int(indices[$0]), distances[$0]) }
    }
}
