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
