internal import Numerics
internal import Synchronization

/// Genes of several cells and their hidden states, as threads hand them in.
final class HiddenStates: Sendable {
    private struct Cell {
        var rows: [UInt32: Int] = [:]
        /// [genes, h]
        var states = Matrix(rows: 0, columns: 0)
    }

    private let cells = Mutex<[Int: Cell]>([:])

    func set(_ number: Int, _ genes: [UInt32], _ states: Matrix) {
        var cell = Cell(states: states)
        for (row, gene) in genes.enumerated() { cell.rows[gene] = row }
        let new = cell
        cells.withLock { $0[number] = new }
    }

    func remove(_ number: Int) { cells.withLock { _ = $0.removeValue(forKey: number) } }

    /// Of each of `genes`, but for the perturbed ones, the cosine of its hidden states in cell `number` and in `after`.
    func cosines(
        _ number: Int, _ genes: [UInt32], _ after: Matrix, without perturbed: [UInt32]
    ) -> [(gene: UInt32, cosine: Double)] {
        let before = cells.withLock { $0[number] ?? Cell() }
        return genes.enumerated().compactMap { row, gene in
            guard !perturbed.contains(gene), let old = before.rows[gene] else { return nil }
            return (gene, Direction(Array(before.states[row: old])).cosine(after[row: row]))
        }
    }
}
