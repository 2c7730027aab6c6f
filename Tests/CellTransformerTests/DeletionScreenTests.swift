import CellTransformer
import Numerics
import Testing

@Suite("The screen of deletions")
struct DeletionScreenTests {
    struct Case: Sendable {
        let activation: BertConfiguration.Activation
        let pooling: Pooling
        let layer: HiddenLayer
        let length: Int
        /// V2: tokens at the ends are no genes.
        let hasEnds: Bool
        let backgrounds, gradients: Int
    }

    static let cases = [
        Case(
            activation: .relu, pooling: .mean, layer: .secondToLast, length: 17, hasEnds: false, backgrounds: 4,
            gradients: 1),
        Case(activation: .gelu, pooling: .mean, layer: .last, length: 23, hasEnds: false, backgrounds: 5, gradients: 2),
        Case(activation: .gelu, pooling: .cls, layer: .last, length: 14, hasEnds: true, backgrounds: 4, gradients: 1),
        Case(activation: .relu, pooling: .mean, layer: .last, length: 12, hasEnds: true, backgrounds: 1, gradients: 3),
        // More backgrounds than genes.
        Case(activation: .relu, pooling: .mean, layer: .last, length: 2, hasEnds: false, backgrounds: 8, gradients: 2),
    ]

    static func cell(_ model: TinyModel, _ example: Case) -> CellInput {
        CellInput(
            tokens: model.cell(example.length),
            genes: example.hasEnds ? 1..<example.length - 1 : 0..<example.length)
    }

    static func directions(_ h: Int) -> [[Float]] {
        var random = SeededRandom(seed: 3)
        return (0..<2).map { _ in (0..<h).map { _ in Float(random.normal()) } }
    }

    /// The definition, word by word, in Double; the gradient of a key's weight by differences.
    struct Plain {
        let model: NaiveBert
        let cell: CellInput
        let layers: Int
        let pooling: Pooling

        func pooled(_ rows: [[Double]]) -> [Double] {
            let h = rows[0].count
            return (0..<h).map { column in rows.reduce(0) { $0 + $1[column] } / Double(rows.count) }
        }

        func cosine(_ a: [Double], _ b: [Float]) -> Double {
            let dot = zip(a, b).reduce(0) { $0 + $1.0 * Double($1.1) }
            let squares = (a.reduce(0) { $0 + $1 * $1 }, b.reduce(0) { $0 + Double($1) * Double($1) })
            return dot / (squares.0 * squares.1).squareRoot()
        }

        /// Version A and B of every token against the background.
        func versions(_ start: Int) -> (a: [[Double]], b: [[Double]]) {
            var a = model.embedded(cell.tokens)
            var b = model.embedded(cell.tokens, positions: cell.tokens.indices.map { max(0, $0 - 1) })
            for layer in 0..<layers {
                let background = a.indices.map { $0 < start ? a[$0] : b[$0] }
                (a, b) = (model.layer(layer, a, keys: background), model.layer(layer, b, keys: background))
            }
            return (a, b)
        }

        func moved(_ gene: Int, _ start: Int) -> [Double] {
            let (a, b) = versions(start)
            if pooling == .cls { return a[0] }
            return pooled(cell.genes.filter { $0 != gene }.map { $0 < gene ? a[$0] : b[$0] })
        }

        func lostKey(_ gene: Int, _ start: Int, _ direction: [Float]) -> Double {
            func value(_ factor: Double) -> Double {
                var factors = [Double](repeating: 1, count: cell.tokens.count)
                factors[gene] = factor
                var x = model.embedded(cell.tokens, positions: cell.tokens.indices.map { $0 < start ? $0 : $0 - 1 })
                for layer in 0..<layers { x = model.layer(layer, x, factors: factors) }
                return cosine(pooling == .cls ? x[0] : pooled(Array(x[cell.genes])), direction)
            }
            let step = 1e-4
            let n = Double(cell.genes.count)
            return (value(1 + step) - value(1 - step)) / (2 * step) * (pooling == .mean ? n / (n - 1) : 1)
        }

        /// In a line between the two nearest of `starts`.
        func between(_ gene: Int, _ starts: [Int], _ value: (Int) -> [Double]) -> [Double] {
            let place = gene + 1
            guard let low = starts.last(where: { $0 <= place }) else { return value(starts[0]) }
            guard let high = starts.first(where: { $0 > place }) else { return value(low) }
            let share = Double(place - low) / Double(high - low)
            return zip(value(low), value(high)).map { $0 + share * ($1 - $0) }
        }

        func cosine(without gene: Int, _ direction: [Float], backgrounds: [Int], gradients: [Int]) -> Double {
            let vector = between(gene, backgrounds) { moved(gene, $0) }
            return cosine(vector, direction) - between(gene, gradients) { [lostKey(gene, $0, direction)] }[0]
        }

        func exact(without gene: Int, _ direction: [Float]) -> Double {
            var tokens = cell.tokens
            tokens.remove(at: gene)
            let states = model.hiddenStates(tokens)[layers]
            let rows = cell.genes.lowerBound..<cell.genes.upperBound - 1
            return cosine(pooling == .cls ? states[0] : pooled(Array(states[rows])), direction)
        }
    }

    @Test("is what its definition says, part by part", arguments: cases)
    func definition(example: Case) throws {
        let model = try TinyModel(activation: example.activation)
        let cell = Self.cell(model, example)
        let embedder = CellEmbedder(
            try model.weights(), layer: example.layer, pooling: example.pooling, threads: 1)
        var options = DeletionScreen.Options()
        options.backgrounds = example.backgrounds
        options.gradients = example.gradients
        let directions = Self.directions(model.configuration.hiddenSize)
        let found = try DeletionScreen(embedder, options: options).estimate([cell], to: directions)[0].cosines
        let plain = Plain(
            model: model.oracle, cell: cell, layers: example.layer.index(in: model.configuration),
            pooling: example.pooling)
        let (first, last) = (Double(cell.genes.lowerBound + 1), Double(cell.genes.upperBound))
        func places(_ shares: [Double]) -> [Int] {
            Set(shares.map { Int((first + (last - first) * $0).rounded()) }).sorted()
        }
        let count = Double(example.backgrounds - 1)
        let backgrounds =
            example.backgrounds == 1
            ? [(cell.genes.lowerBound + 1 + cell.genes.upperBound) / 2]
            : places((0..<example.backgrounds).map { Double($0) / count })
        let gradients = places((0..<example.gradients).map { (Double($0) + 0.5) / Double(example.gradients) })
        #expect(found.count == 2 && found.allSatisfy { $0.count == cell.genes.count })
        for (direction, cosines) in zip(directions, found) {
            for (gene, cosine) in zip(cell.genes, cosines) {
                let expected = plain.cosine(
                    without: gene, direction, backgrounds: backgrounds, gradients: gradients)
                #expect(abs(cosine - expected) < 3e-5, "gene \(gene): \(cosine), not \(expected)")
            }
        }
    }

    @Test("is near to the exact deletion where attention is spread over many tokens")
    func nearExact() throws {
        let configuration = try BertConfiguration(
            vocabularySize: 300, hiddenSize: 32, layerCount: 3, headCount: 4, feedForwardSize: 64, maximumLength: 128)
        let weights = BertWeights(configuration, seed: 4)
        var random = SeededRandom(seed: 9)
        let tokens = random.sample(120, of: 290).map { UInt32($0 + 5) }
        let embedder = CellEmbedder(weights, layer: .last, threads: 1)
        let directions = Self.directions(32)
        let estimated = try DeletionScreen(embedder).estimate([CellInput(tokens: tokens)], to: [directions[0]])[0]
            .cosines[0]
        let exact = try embedder.embed(
            tokens.indices.map { gene in CellInput(tokens: tokens.indices.filter { $0 != gene }.map { tokens[$0] }) })
        let before = try embedder.embed([CellInput(tokens: tokens)])
        func cosine(_ vector: ArraySlice<Float>) -> Double {
            let (dot, squares) = zip(vector, directions[0]).reduce((0.0, 0.0)) {
                ($0.0 + Double($1.0) * Double($1.1), $0.1 + Double($1.0) * Double($1.0))
            }
            return dot / (squares * directions[0].reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
        }
        let start = cosine(before[row: 0])
        let shifts = (0..<exact.rows).map { cosine(exact[row: $0]) - start }
        let error = zip(estimated, shifts).reduce(0) { $0 + ($1.0 - start - $1.1) * ($1.0 - start - $1.1) }
        let size = shifts.reduce(0) { $0 + $1 * $1 }
        #expect((error / size).squareRoot() < 0.1, "\((error / size).squareRoot())")
    }

    @Test("the same bytes for any number of threads and any other cells; a cell of one gene is refused")
    func threads() throws {
        let model = try TinyModel()
        let cell = CellInput(tokens: model.cell(31))
        let directions = Self.directions(model.configuration.hiddenSize)
        let shorter = CellInput(tokens: model.cell(12))
        func cosines(_ cells: [CellInput], threads: Int) throws -> [[[Double]]] {
            try DeletionScreen(CellEmbedder(model.weights(), threads: threads)).estimate(cells, to: directions)
                .map(\.cosines)
        }
        let alone = try [1, 2, 3].map { try cosines([cell], threads: $0) }
        #expect(alone[0] == alone[1] && alone[0] == alone[2])
        // After and before another cell, in memory that it has used.
        let together = try [1, 2, 3].map { try cosines([shorter, cell, shorter], threads: $0) }
        #expect(together.allSatisfy { $0 == together[0] })
        #expect(together[0][1] == alone[0][0] && together[0][0] == together[0][2])
        let screen = DeletionScreen(CellEmbedder(try model.weights(), threads: 1))
        #expect(throws: TransformerError.self) {
            try screen.estimate([CellInput(tokens: [3, 4, 5], genes: 1..<2)], to: directions)
        }
        #expect(screen.forwards(directions: 1) == 11 && screen.forwards(directions: 2) == 13)
    }
}
