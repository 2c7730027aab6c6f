internal import CellTransformer
internal import Tokenizers

/// The cells that a ranking starts from, and the genes of theirs that are perturbed: a pair for each gene of each cell.
struct CellGenePairs {
    struct Cell {
        /// In the database.
        let row: Int
        /// What the model reads.
        let tokens: [UInt32]
        /// What counts as one observation: the cell itself, or its donor.
        let unit: Int
    }

    let cells: [Cell]
    /// Pairs of cell c are `starts[c]..<starts[c + 1]`.
    private(set) var starts = [0]
    /// Of a pair: the cell, the gene by its place in ``tokens``, and where it stands among the cell's genes, 0 the first.
    private(set) var cell: [Int] = []
    private(set) var gene: [Int] = []
    private(set) var position: [Int] = []
    /// Genes, ascending.
    let tokens: [UInt32]
    /// Whether a gene is to be ranked; others are perturbed to know what the perturbation of any gene does to a cell.
    let isWanted: [Bool]
    /// Pairs of a gene, by cell.
    private(set) var ofGene: [[Int]]
    /// Observations that a gene has: cells, or donors.
    let unitsOfGene: [Int]

    var count: Int { cell.count }

    /// - Parameter genes: of each cell, with their positions.
    init(_ cells: [Cell], genes: [[(token: UInt32, position: Int)]], wanted: Set<UInt32>?) {
        self.cells = cells
        tokens = Set(genes.joined().map(\.token)).sorted()
        isWanted = tokens.map { wanted?.contains($0) ?? true }
        ofGene = Array(repeating: [], count: tokens.count)
        var units = [Set<Int>](repeating: [], count: tokens.count)
        let places = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
        for (number, genes) in genes.enumerated() {
            for (token, place) in genes {
                guard let index = places[token] else { continue }
                ofGene[index].append(cell.count)
                units[index].insert(cells[number].unit)
                cell.append(number)
                gene.append(index)
                position.append(place)
            }
            starts.append(cell.count)
        }
        unitsOfGene = units.map(\.count)
    }

    func ofCell(_ number: Int) -> Range<Int> { starts[number]..<starts[number + 1] }
}
