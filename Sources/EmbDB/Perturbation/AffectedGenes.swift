internal import Numerics
internal import Synchronization

/// Genes of several cells and their hidden states, as threads hand them in.
final class HiddenStates: Sendable {
    struct Cell {
        let genes: [UInt32]
        /// [genes, h]
        let states: Matrix
    }

    private let cells: Mutex<[Cell?]>

    init(_ count: Int) { cells = Mutex(Array(repeating: nil, count: count)) }

    func set(_ number: Int, _ genes: [UInt32], _ states: Matrix) {
        cells.withLock { $0[number] = Cell(genes: genes, states: states) }
    }

    /// Of each gene that cell `number` has left, but for the perturbed ones, the cosine of its hidden states in cell `first`
    /// and there.
    func cosines(_ number: Int, from first: Int, without perturbed: [UInt32]) -> [(gene: UInt32, cosine: Double)] {
        let (before, after) = cells.withLock { ($0[first], $0[number]) }
        guard let before, let after else { return [] }
        var rows: [UInt32: Int] = [:]
        for (row, gene) in before.genes.enumerated() { rows[gene] = row }
        return after.genes.enumerated().compactMap { row, gene in
            guard !perturbed.contains(gene), let old = rows[gene] else { return nil }
            return (gene, Direction(Array(before.states[row: old])).cosine(after.states[row: row]))
        }
    }
}

/// How much perturbations change the hidden states of the genes that stay, over cells.
struct AffectedGenes {
    private struct Sums {
        var sum = 0.0
        var squares = 0.0
        var cells = 0
    }

    private struct Key: Hashable {
        let perturbed: [UInt32]
        let affected: UInt32
    }

    private var sums: [Key: Sums] = [:]

    /// What perturbing `genes` does in one cell.
    mutating func add(_ genes: [UInt32], _ cosines: [(gene: UInt32, cosine: Double)]) {
        for (gene, cosine) in cosines {
            let key = Key(perturbed: genes, affected: gene)
            sums[key, default: Sums()].sum += cosine
            sums[key, default: Sums()].squares += cosine * cosine
            sums[key, default: Sums()].cells += 1
        }
    }

    /// By mean, ascending; ties by tokens.
    func rows(_ name: (UInt32) -> PerturbAnswer.Gene) -> [PerturbAnswer.AffectedGene] {
        sums.map { (key: $0.key, sums: $0.value, mean: $0.value.sum / Double($0.value.cells)) }
            .sorted { a, b in
                if a.mean != b.mean { return a.mean < b.mean }
                if a.key.perturbed != b.key.perturbed {
                    return a.key.perturbed.lexicographicallyPrecedes(b.key.perturbed)
                }
                return a.key.affected < b.key.affected
            }
            .map { row in
                let variance = row.sums.squares / Double(row.sums.cells) - row.mean * row.mean
                return .init(
                    genes: row.key.perturbed.map(name), affected: name(row.key.affected), mean: row.mean,
                    deviation: max(0, variance).squareRoot(), cells: row.sums.cells)
            }
    }
}
