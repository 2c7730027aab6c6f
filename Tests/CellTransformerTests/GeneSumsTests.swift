import CellTransformer
import Checkpoints
import Numerics
import Testing

@Suite("gene sums")
struct GeneSumsTests {
    private static let hidden = 24

    /// Sums of group 0 as they are.
    private func raw(_ sums: GeneSums) -> [UInt32: [Int64]] {
        Dictionary(
            uniqueKeysWithValues: sums.genes(of: 0).map { gene in
                (gene.token, sums.withSums(of: gene.token, group: 0) { Array($0) })
            })
    }

    private func cells(_ tiny: TinyModel) -> [CellInput] {
        (1...40).map { length in
            // A token occurs once in a cell.
            CellInput(tokens: Array(Set(tiny.cell(length)).sorted()))
        }
    }

    @Test("are those of a plain loop, whatever the number of threads and the order; cells can be taken away")
    func exact() throws {
        let tiny = try TinyModel()
        let cells = cells(tiny)
        let weights = try tiny.weights()
        var expected: [UInt32: [Int64]] = [:]
        for cell in cells {
            var workspace = BertWorkspace(weights.configuration)
            try BertEncoder(weights).forward(cell.tokens.span, through: 2, workspace: &workspace)
            let states = try workspace.hiddenStates()
            for (position, token) in cell.tokens.enumerated() {
                let fixed = states[row: position].map {
                    Int64((Double($0) * 16_777_216).rounded(.toNearestOrEven))
                }
                expected[token] = zip(expected[token] ?? fixed.map { _ in 0 }, fixed).map(+)
            }
        }
        for threads in [1, 2, 5] {
            var sums = GeneSums(tokenCount: 50, dimension: Self.hidden)
            try sums.addGroup()
            let order = threads == 1 ? cells : Array(cells.reversed())
            let shared = sums
            try CellEmbedder(weights, threads: threads).forEach(order) {
                (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                try shared.add(order[index], of: workspace, to: [0])
            }
            #expect(raw(sums) == expected)
            for gene in sums.genes(of: 0) {
                #expect(gene.cells == cells.count { $0.tokens.contains(gene.token) })
            }
            try CellEmbedder(weights, threads: threads).forEach(cells) {
                (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                try shared.add(cells[index], of: workspace, to: [0], takingAway: true)
            }
            #expect(sums.genes(of: 0).isEmpty)
            #expect((0..<50).allSatisfy { sums.withSums(of: $0, group: 0) { $0.allSatisfy { $0 == 0 } } })
        }
    }

    @Test("memory that the system refuses is an error, and what there was stays")
    func memory() throws {
        // 2^62 bytes: more than any address space, so that nothing is allocated.
        var sums = GeneSums(tokenCount: 1 << 19, dimension: 1 << 40)
        for _ in 1...2 {
            let error = #expect(throws: TransformerError.self) { try sums.addGroup() }
            #expect(error?.code == .notEnoughMemory)
            #expect(error?.description.hasPrefix("not enough memory for ") == true)
            #expect(sums.groupCount == 0)
        }
    }

    /// The last one makes infinities, and the next layer NaN of them.
    @Test(
        "a hidden state that is not finite, or absurdly large, is refused",
        arguments: [
            ("1.output.LayerNorm.bias", 400), ("1.output.LayerNorm.weight", 3e38), ("0.output.LayerNorm.weight", 3e38),
        ]
            as [(String, Float)])
    func unusable(parameter: String, value: Float) throws {
        let tiny = try TinyModel()
        var tensors = tiny.tensors
        let name = "bert.encoder.layer.\(parameter)"
        let norm = try #require(tensors.tensors[name])
        var values = norm.values
        values[3] = value
        tensors.tensors[name] = .init(shape: norm.shape, values: values)
        let weights = try BertWeights(tiny.configuration, from: tensors)
        var sums = GeneSums(tokenCount: 50, dimension: Self.hidden)
        try sums.addGroup()
        let shared = sums
        let cells = cells(tiny)
        let error = #expect(throws: TransformerError.self) {
            try CellEmbedder(weights, threads: 1).forEach(cells) {
                (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                try shared.add(cells[index], of: workspace, to: [0])
            }
        }
        #expect(error?.code == .unusableHiddenState)
    }
}
