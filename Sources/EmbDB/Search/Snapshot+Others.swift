internal import HNSW
internal import Numerics

extension Snapshot {
    /// For each embedding, the rows of its k nearest stored cells, nearest first, without the one it was made from.
    ///
    /// - Parameter row: of the cell that an embedding was made from.
    func nearestOthers(of embeddings: Matrix, k: Int, threads: Int, row: (Int) -> Int) -> [[Int]] {
        let keepsAll = live.population == live.count
        let found = index.search(
            queries: embeddings, k: min(k, state.rows) + 1, ef: defaultEf, keeping: keepsAll ? nil : live,
            threads: threads)
        return found.enumerated().map { number, result in
            let own = row(number)
            return Array(result.neighbors.map(\.row).filter { $0 != own }.prefix(k))
        }
    }
}
