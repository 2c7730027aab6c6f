import CellTransformer
import Numerics
import Synchronization
import Testing

@Suite("Embedding many cells")
struct CellEmbedderTests {
    @Test("Embeddings are the same bytes for any number of threads and any batch, in the order of the cells")
    func threads() throws {
        let model = try TinyModel()
        let weights = try model.weights()
        let cells = (0..<60).map { index in
            let tokens = model.cell(2 + index * 7 % 39, seed: UInt64(index))
            return CellInput(tokens: tokens, genes: 1..<tokens.count)
        }
        for pooling in Pooling.allCases {
            for layer in HiddenLayer.allCases {
                let one = try CellEmbedder(weights, layer: layer, pooling: pooling, threads: 1).embed(cells)
                for threads in [2, 3, 8] {
                    let many = try CellEmbedder(weights, layer: layer, pooling: pooling, threads: threads)
                        .embed(cells)
                    #expect(many.values.map(\.bitPattern) == one.values.map(\.bitPattern))
                }
                let encoder = BertEncoder(weights)
                var workspace = BertWorkspace(model.configuration)
                for (index, cell) in cells.enumerated() {
                    try encoder.forward(
                        cell.tokens.span, through: layer == .last ? 3 : 2, workspace: &workspace)
                    #expect(try workspace.pooled(pooling, genes: cell.genes) == Array(one[row: index]))
                    let alone = try CellEmbedder(weights, layer: layer, pooling: pooling).embed([cell])
                    #expect(alone.values == Array(one[row: index]))
                }
            }
        }
        #expect(try CellEmbedder(weights).embed([]) == Matrix(rows: 0, columns: 24))
    }

    @Test(
        "bf16: near f32, and the same bytes for any number of threads, any batch, and a long cell alone",
        arguments: [(Precision.bf16, 1e-4)])
    func precisions(precision: Precision, limit: Double) throws {
        let model = try TinyModel(maximumLength: 700)
        let weights = try model.weights()
        var cells = (0..<30).map { index in
            let tokens = model.cell(2 + index * 7 % 39, seed: UInt64(index))
            return CellInput(tokens: tokens, genes: 1..<tokens.count)
        }
        cells.append(CellInput(tokens: model.cell(650)))
        for layer in HiddenLayer.allCases {
            let exact = try CellEmbedder(weights, layer: layer, threads: 1).embed(cells)
            let one = try CellEmbedder(weights, layer: layer, precision: precision, threads: 1).embed(cells)
            for (index, cell) in cells.enumerated() {
                let distance = 1 - cosine(Array(one[row: index]), Array(exact[row: index]))
                #expect(distance < limit, "cell \(index): \(distance)")
                #expect(Array(one[row: index]) != Array(exact[row: index]))
                for threads in [1, 3] where index % 5 == 0 {
                    let alone = try CellEmbedder(weights, layer: layer, precision: precision, threads: threads)
                        .embed([cell])
                    #expect(alone.values == Array(one[row: index]))
                }
            }
            let many = try CellEmbedder(weights, layer: layer, precision: precision, threads: 3).embed(cells)
            #expect(many.values.map(\.bitPattern) == one.values.map(\.bitPattern))
        }
    }

    @Test("A long cell alone is the same bytes on any number of threads, and agrees with the plain equations")
    func oneCell() throws {
        let model = try TinyModel(layers: 2, maximumLength: 700)
        let weights = try model.weights()
        let tokens = model.cell(650)
        let cell = CellInput(tokens: tokens)
        let one = try CellEmbedder(weights, layer: .last, threads: 1).embed([cell])
        let expected = model.oracle.hiddenStates(tokens)[2]
        let mean = (0..<24).map { column in expected.reduce(0.0) { $0 + $1[column] } / 650 }
        #expect(largestDifference(one, [mean]) < 1e-5)
        for threads in [2, 3, 16, 100] {
            let many = try CellEmbedder(weights, layer: .last, threads: threads).embed([cell])
            #expect(many.values.map(\.bitPattern) == one.values.map(\.bitPattern), "\(threads) threads")
        }
    }

    @Test("Every cell is lent to the closure once, with its own hidden states")
    func lending() throws {
        let model = try TinyModel()
        let cells = (1...20).map { CellInput(tokens: model.cell($0)) }
        let seen = Mutex<[Int: Int]>([:])
        try CellEmbedder(try model.weights(), threads: 4).forEach(cells) { index, workspace in
            let length = workspace.length
            seen.withLock { $0[index] = ($0[index] ?? 0) + length }
        }
        #expect(seen.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<20).map { ($0, $0 + 1) }))
    }

    @Test("A cell that cannot be run is an error that names it")
    func errors() throws {
        let model = try TinyModel()
        let embedder = CellEmbedder(try model.weights(), threads: 2)
        let good = CellInput(tokens: [1, 2, 3])
        let bad: [(CellInput, TransformerError.Code)] = [
            (CellInput(tokens: []), .noTokens), (CellInput(tokens: [50]), .unknownToken),
            (CellInput(tokens: model.cell(41)), .tooManyTokens),
            (CellInput(tokens: [1, 2], genes: 0..<3), .noSuchPosition),
            (CellInput(tokens: [1, 2], genes: 1..<1), .noSuchPosition),
        ]
        for (cell, code) in bad {
            let error = try #require(throws: TransformerError.self) {
                try embedder.embed([good, good, cell, good])
            }
            #expect(error.code == code && error.cell == 2)
            #expect(error.description.contains("cell 2"))
        }
    }
}
