internal import Tokenizers

/// Non-zero medians of genes over the cells of a corpus (Theodoris et al. 2023): of count / total × 10,000 over the cells
/// that have the gene, as rank value encoding divides by.
///
/// Values are counted in bins, 64 to an octave, so that any number of cells needs the same memory, about 6 kB a gene; the
/// median is where half of them lie below within its bin, at most 1.6 % off.
struct GeneMedians {
    /// Powers of two of the bins; what lies outside is counted in the last ones.
    private static let exponents = -12..<12
    private static let binsOfOctave = 64
    private static let binCount = exponents.count * binsOfOctave

    /// By token; empty for a gene that no cell has had.
    private var bins: [[UInt32]]
    /// By token: cells that have the gene.
    private(set) var cells: [Int]

    init(vocabularyCount: Int) {
        bins = Array(repeating: [], count: vocabularyCount)
        cells = Array(repeating: 0, count: vocabularyCount)
    }

    mutating func add(_ cell: RankedCell) {
        for (token, count) in zip(cell.tokens, cell.counts) {
            let token = Int(token)
            if bins[token].isEmpty { bins[token] = Array(repeating: 0, count: Self.binCount) }
            bins[token][Self.bin(count / cell.total * 10_000)] += 1
            cells[token] += 1
        }
    }

    /// Of a gene that a cell has.
    func median(_ token: Int) -> Double {
        let half = Double(cells[token]) / 2
        var below = 0.0
        for (bin, count) in bins[token].enumerated() where count > 0 {
            if below + Double(count) >= half {
                let (low, high) = (Self.lowest(bin), Self.lowest(bin + 1))
                return low + (high - low) * (half - below) / Double(count)
            }
            below += Double(count)
        }
        return 1
    }

    private static func bin(_ value: Double) -> Int {
        guard value >= lowest(0) else { return 0 }
        let exponent = Int(value.exponent)
        guard exponent < exponents.upperBound else { return binCount - 1 }
        return (exponent - exponents.lowerBound) * binsOfOctave + Int((value.significand - 1) * Double(binsOfOctave))
    }

    private static func lowest(_ bin: Int) -> Double {
        Double(sign: .plus, exponent: exponents.lowerBound + bin / binsOfOctave, significand: 1)
            * (1 + Double(bin % binsOfOctave) / Double(binsOfOctave))
    }
}
