import CellTransformer
import Numerics
import Synchronization
import Testing

@Suite("Embedding deletions")
struct DeletionEmbedderTests {
    typealias Deletion = DeletionEmbedder.Deletion

    /// Of every length that blocks and tiles make different, with and without special tokens.
    private static func cells(_ model: TinyModel) -> [CellInput] {
        [2, 3, 31, 32, 33, 34, 64, 65, 100, 130].flatMap { length in
            let tokens = model.cell(length)
            return [CellInput(tokens: tokens)]
                + (length > 3 ? [CellInput(tokens: tokens, genes: 1..<length - 1)] : [])
        }
    }

    private static func all(_ cells: [CellInput]) -> [Deletion] {
        cells.enumerated().flatMap { number, cell in
            cell.genes.map { Deletion(cell: number, position: $0) }
        }
    }

    private static func shortened(_ cell: CellInput, _ position: Int) -> CellInput {
        CellInput(
            tokens: cell.tokens.enumerated().filter { $0.offset != position }.map(\.element),
            genes: cell.genes.lowerBound..<cell.genes.upperBound - 1)
    }

    @Test("Each is what the cell without the gene gives", arguments: Pooling.allCases, HiddenLayer.allCases)
    func plain(pooling: Pooling, layer: HiddenLayer) throws {
        let model = try TinyModel(activation: layer == .last ? .gelu : .relu, maximumLength: 130)
        let weights = try model.weights()
        let cells = Self.cells(model)
        let deletions = Self.all(cells)
        for precision in Precision.allCases {
            let embedder = CellEmbedder(weights, layer: layer, pooling: pooling, precision: precision)
            let found = try DeletionEmbedder(embedder).embed(cells, deletions)
            let expected = try embedder.embed(deletions.map { Self.shortened(cells[$0.cell], $0.position) })
            #expect(found.rows == deletions.count)
            var largest = 0.0
            for row in 0..<found.rows {
                for (a, b) in zip(found[row: row], expected[row: row]) {
                    largest = max(largest, Double((a - b).magnitude))
                }
            }
            #expect(largest < (precision == .f32 ? 2e-5 : 0.1), "\(precision): \(largest)")
        }
    }

    @Test("And what the plain equations give")
    func oracle() throws {
        let model = try TinyModel(maximumLength: 40)
        let cell = CellInput(tokens: model.cell(40), genes: 1..<39)
        let embedder = CellEmbedder(try model.weights(), layer: .last)
        let found = try DeletionEmbedder(embedder).embed([cell], Self.all([cell]))
        for (row, position) in cell.genes.enumerated() {
            let states = model.oracle.hiddenStates(Self.shortened(cell, position).tokens)[3]
            for column in 0..<24 {
                let mean = (1..<38).reduce(0.0) { $0 + states[$1][column] } / 37
                #expect((Double(found.values[row * 24 + column]) - mean).magnitude < 1e-5, "\(position) \(column)")
            }
        }
    }

    @Test(
        "The same bytes for any number of threads, any order, and whatever else is asked for",
        arguments: Precision.allCases)
    func threads(precision: Precision) throws {
        let model = try TinyModel(maximumLength: 700)
        let weights = try model.weights()
        let cells = Self.cells(model) + [CellInput(tokens: model.cell(700))]
        let deletions = Self.all(cells).filter { $0.position % 3 == 0 || $0.cell < 8 }
        func embedder(_ threads: Int) -> DeletionEmbedder {
            DeletionEmbedder(CellEmbedder(weights, precision: precision, threads: threads))
        }
        let one = try embedder(1).embed(cells, deletions)
        for threads in [2, 5] {
            let many = try embedder(threads).embed(cells, deletions)
            #expect(many.values.map(\.bitPattern) == one.values.map(\.bitPattern), "\(threads) threads")
        }
        var random = SeededRandom(seed: 3)
        let order = (random.sample(60, of: deletions.count) + [0, deletions.count - 1, 0]).shuffled(using: &random)
        for threads in [1, 3] {
            let some = try embedder(threads).embed(cells, order.map { deletions[$0] })
            for (row, number) in order.enumerated() {
                #expect(Array(some[row: row]) == Array(one[row: number]), "\(deletions[number])")
            }
            let alone = try embedder(threads).embed(cells, [deletions[order[0]]])
            #expect(Array(alone[row: 0]) == Array(one[row: order[0]]))
        }
    }

    @Test("A model of one layer, of which none is asked for")
    func noLayer() throws {
        // Large, so that reading what was never computed does not go unseen.
        let configuration = try BertConfiguration(
            vocabularySize: 40, hiddenSize: 256, layerCount: 1, headCount: 4, feedForwardSize: 64,
            maximumLength: 2000, activation: .relu)
        let embedder = CellEmbedder(BertWeights(configuration, seed: 5))
        let cell = CellInput(tokens: (0..<2000).map { UInt32($0 * 7 % 40) }, genes: 0..<70)
        let found = try DeletionEmbedder(embedder).embed([cell], Self.all([cell]))
        let expected = try embedder.embed(cell.genes.map { Self.shortened(cell, $0) })
        #expect(found == expected)
    }

    @Test("A large model's long cells go by fewer deletions at a time, to the same effect")
    func largeModel() throws {
        let configuration = try BertConfiguration(
            vocabularySize: 40, hiddenSize: 768, layerCount: 1, headCount: 12, feedForwardSize: 64,
            maximumLength: 3000, activation: .relu)
        let embedder = CellEmbedder(BertWeights(configuration, seed: 5), layer: .last)
        let cell = CellInput(tokens: (0..<3000).map { UInt32($0 * 7 % 40) })
        let deletions = DeletionEmbedder(embedder)
        #expect(deletions.shared(cell) == 7)
        #expect(deletions.shared(CellInput(tokens: Array(cell.tokens.prefix(100)))) == 32)
        let positions = [6, 7, 13, 2999]
        let found = try deletions.embed([cell], positions.map { Deletion(cell: 0, position: $0) })
        let expected = try embedder.embed(positions.map { Self.shortened(cell, $0) })
        for (a, b) in zip(found.values, expected.values) { #expect((a - b).magnitude < 1e-5) }
    }

    @Test("Each is lent once, with the hidden states of the genes that are left")
    func lending() throws {
        let model = try TinyModel()
        let cells = [CellInput(tokens: model.cell(40)), CellInput(tokens: model.cell(9), genes: 1..<8)]
        let embedder = CellEmbedder(try model.weights(), threads: 3)
        let seen = Mutex<[Int: [Matrix]]>([:])
        let deletions = Self.all(cells)
        _ = try DeletionEmbedder(embedder).embed(
            cells, deletions,
            lending: { (number, workspace: borrowing BertWorkspace) throws(TransformerError) in
                let states = try workspace.hiddenStates()
                seen.withLock { $0[number, default: []].append(states) }
            })
        let found = seen.withLock { $0 }
        #expect(found.count == deletions.count)
        let encoder = embedder.encoder
        var workspace = BertWorkspace(model.configuration)
        for (number, deletion) in deletions.enumerated() {
            let tokens = Self.shortened(cells[deletion.cell], deletion.position).tokens
            try encoder.forward(tokens.span, through: 2, workspace: &workspace)
            let (states, expected) = (try #require(found[number]), try workspace.hiddenStates())
            #expect(states.count == 1 && states[0].rows == expected.rows)
            for (a, b) in zip(states[0].values, expected.values) { #expect((a - b).magnitude < 2e-5) }
        }
    }

    @Test("What cannot be deleted is an error, and the caller can stop")
    func errors() throws {
        let model = try TinyModel()
        let embedder = DeletionEmbedder(CellEmbedder(try model.weights(), threads: 2))
        let cell = CellInput(tokens: [1, 2, 3, 4], genes: 1..<3)
        let cases: [([CellInput], Deletion, TransformerError.Code)] = [
            ([cell], Deletion(cell: 0, position: 0), .noSuchPosition),
            ([cell], Deletion(cell: 0, position: 3), .noSuchPosition),
            ([cell, CellInput(tokens: [1])], Deletion(cell: 1, position: 0), .noSuchPosition),
            ([cell, CellInput(tokens: [])], Deletion(cell: 0, position: 1), .noTokens),
            ([cell, CellInput(tokens: [1, 77])], Deletion(cell: 0, position: 1), .unknownToken),
            ([cell, CellInput(tokens: model.cell(41))], Deletion(cell: 0, position: 1), .tooManyTokens),
        ]
        for (cells, deletion, code) in cases {
            let error = #expect(throws: TransformerError.self) { try embedder.embed(cells, [deletion]) }
            #expect(error?.code == code && error?.cell == (code == .noSuchPosition ? deletion.cell : 1), "\(code)")
        }
        #expect(try embedder.embed([], []) == Matrix(rows: 0, columns: 24))
        #expect(try embedder.embed([cell], []) == Matrix(rows: 0, columns: 24))
        let calls = Mutex(0)
        let error = #expect(throws: TransformerError.self) {
            try embedder.embed(
                [CellInput(tokens: model.cell(40))], (0..<40).map { Deletion(cell: 0, position: $0) },
                deletionDone: {
                    calls.withLock {
                        $0 += 1; return $0 < 5
                    }
                })
        }
        #expect(error?.code == .stopped && calls.withLock { $0 } >= 5 && calls.withLock { $0 } < 40)
    }
}
