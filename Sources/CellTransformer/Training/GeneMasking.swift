package import Numerics

/// Masked-gene learning as Geneformer has it (Theodoris et al. 2023, after Devlin et al. 2019): each position is chosen by
/// itself with a probability of 15 %; of these 80 % become `<mask>`, 10 % any token of the vocabulary, special ones
/// included, and 10 % stay. Only `<pad>` and `<mask>` are never chosen.
package struct GeneMasking: Sendable {
    /// The share of positions that are chosen.
    package let share: Double
    private let vocabularySize: Int
    private let mask: UInt32
    private let pad: UInt32?

    package init(vocabularySize: Int, mask: UInt32, pad: UInt32?, share: Double = 0.15) {
        precondition(share > 0 && share <= 1, "a share of positions")
        self.vocabularySize = vocabularySize
        self.mask = mask
        self.pad = pad
        self.share = share
    }

    /// The cell with some of its genes hidden; what was there is what is to be predicted. Of a cell where chance chooses no
    /// position, one is chosen, so that every cell teaches something.
    package func callAsFunction(_ tokens: [UInt32], random: inout SeededRandom) -> TrainingExample {
        var example = TrainingExample(tokens: tokens, positions: [], labels: [])
        for position in tokens.indices where random.uniform() < share { hide(position, in: &example, &random) }
        if example.positions.isEmpty, !tokens.isEmpty {
            hide(Int(random.uniform() * Double(tokens.count)), in: &example, &random)
        }
        return example
    }

    private func hide(_ position: Int, in example: inout TrainingExample, _ random: inout SeededRandom) {
        let token = example.tokens[position]
        guard token != mask, token != pad else { return }
        example.positions.append(position)
        example.labels.append(Int(token))
        let chance = random.uniform()
        if chance < 0.8 {
            example.tokens[position] = mask
        } else if chance < 0.9 {
            example.tokens[position] = UInt32(random.uniform() * Double(vocabularySize))
        }
    }
}
