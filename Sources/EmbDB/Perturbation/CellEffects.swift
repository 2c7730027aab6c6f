internal import Numerics

/// What the perturbations of one cell do, before it is told by genes: what passes through the model give.
struct CellEffects {
    /// Cosines of the embeddings before and after, by variant.
    var similarities: [Double] = []
    /// By variant; empty without a goal.
    var shifts: [Double] = []
    /// Rows of the nearest cells, of the cell as it is and then by variant; empty if not asked for.
    var neighbors: [[Int]] = []
    /// By variant, each gene that is left with the cosine of its hidden states before and after; empty if not asked for.
    var affected: [[(gene: UInt32, cosine: Double)]] = []

    /// Of the embedding of a cell as it is, and those of its variants.
    init(of before: ArraySlice<Float>, _ variants: [ArraySlice<Float>], goal: Direction?) {
        let original = Direction(Array(before))
        similarities = variants.map { original.cosine($0) }
        if let goal { shifts = variants.map { goal.cosine($0) - goal.cosine(before) } }
    }

    // MARK: As numbers

    /// For a journal: every list behind its length.
    var numbers: [Double] {
        func list(_ values: [Double]) -> [Double] { [Double(values.count)] + values }
        return list(similarities) + list(shifts) + [Double(neighbors.count)]
            + neighbors.flatMap { list($0.map(Double.init)) } + [Double(affected.count)]
            + affected.flatMap { list($0.flatMap { [Double($0.gene), $0.cosine] }) }
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
        func lists() -> [[Double]]? {
            guard let count = count(), count <= rest.count else { return nil }
            let lists = (0..<count).map { _ in list() }
            return lists.contains { $0 == nil } ? nil : lists.compactMap { $0 }
        }
        guard let similarities = list(), let shifts = list(), let neighbors = lists(), let affected = lists(),
            rest.isEmpty, similarities.count == variants
        else { return nil }
        self.similarities = similarities
        self.shifts = shifts
        self.neighbors = neighbors.map { $0.map { Int($0) } }
        self.affected = affected.map { list in
            stride(from: 0, to: list.count - 1, by: 2).map { (UInt32(list[$0]), list[$0 + 1]) }
        }
    }
}
