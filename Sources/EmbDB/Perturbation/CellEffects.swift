internal import Numerics

/// What some perturbations of one cell do, before it is told by genes: what passes through the model give.
struct CellEffects {
    /// Cosines of the embeddings before and after, by variant.
    var similarities: [Double] = []
    /// By variant; empty without a goal.
    var shifts: [Double] = []
    /// Rows of the cells nearest to the cell as it is; empty if not asked for.
    var neighborsBefore: [Int] = []
    /// The same by variant.
    var neighbors: [[Int]] = []
    /// By variant, each gene that is left with the cosine of its hidden states before and after; empty if not asked for.
    var affected: [[(gene: UInt32, cosine: Double)]] = []

    init() {}

    /// Of the embedding of a cell as it is, and those of its variants.
    init(of before: [Float], _ variants: [ArraySlice<Float>], goal: Direction?) {
        let original = Direction(before)
        similarities = variants.map { original.cosine($0) }
        if let goal { shifts = variants.map { goal.cosine($0) - goal.cosine(before) } }
    }

    mutating func append(_ others: CellEffects) {
        similarities += others.similarities
        shifts += others.shifts
        neighborsBefore = others.neighborsBefore
        neighbors += others.neighbors
        affected += others.affected
    }

    // MARK: As numbers

    /// For a journal, without ``affected``: every list behind its length.
    var numbers: [Double] {
        func list(_ values: [Double]) -> [Double] { [Double(values.count)] + values }
        return list(similarities) + list(shifts) + [Double(neighbors.count + 1)]
            + ([neighborsBefore] + neighbors).flatMap { list($0.map(Double.init)) }
    }

    /// nil if these are not ``numbers`` of so many variants.
    init?(_ numbers: [Double], variants: Int) {
        var rest = numbers[...]
        func count() -> Int? { rest.popFirst().flatMap { Int(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil } }
        func list() -> [Double]? {
            guard let count = count(), count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        guard let similarities = list(), let shifts = list(), let lists = count(), lists <= rest.count else {
            return nil
        }
        let neighbors = (0..<lists).compactMap { _ in list()?.compactMap { Int(exactly: $0) } }
        guard rest.isEmpty, similarities.count == variants, let before = neighbors.first, neighbors.count == lists
        else {
            return nil
        }
        self.similarities = similarities
        self.shifts = shifts
        neighborsBefore = before
        self.neighbors = Array(neighbors.dropFirst())
    }
}
