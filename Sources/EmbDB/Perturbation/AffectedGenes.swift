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

    func get(_ number: Int) -> Cell? { cells.withLock { $0[number] } }
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

    /// Compares a cell, at `first`, with its variants behind it.
    mutating func add(
        _ variants: [[UInt32]], from first: Int, _ states: HiddenStates, wanted: [PerturbPlan.Change]
    ) {
        guard let before = states.get(first) else { return }
        var rows: [UInt32: Int] = [:]
        for (row, token) in before.genes.enumerated() { rows[token] = row }
        let asked = Set(wanted.map(\.genes))
        for (place, variant) in variants.enumerated() where asked.contains(variant) {
            guard let after = states.get(first + 1 + place) else { continue }
            for (row, token) in after.genes.enumerated() where !variant.contains(token) {
                guard let old = rows[token] else { continue }
                let cosine = Direction(Array(before.states[row: old])).cosine(after.states[row: row])
                let key = Key(perturbed: variant, affected: token)
                sums[key, default: Sums()].sum += cosine
                sums[key, default: Sums()].squares += cosine * cosine
                sums[key, default: Sums()].cells += 1
            }
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
