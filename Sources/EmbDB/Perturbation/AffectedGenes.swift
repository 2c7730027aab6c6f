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

/// What ``HiddenStates/cosines(_:_:_:without:)`` says of several variants, as threads hand it in.
final class AffectedCosines: Sendable {
    private let variants: Mutex<[[(gene: UInt32, cosine: Double)]]>

    init(_ count: Int) { variants = Mutex(Array(repeating: [], count: count)) }

    func set(_ number: Int, _ cosines: [(gene: UInt32, cosine: Double)]) { variants.withLock { $0[number] = cosines } }
    func get(_ number: Int) -> [(gene: UInt32, cosine: Double)] { variants.withLock { $0[number] } }
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
