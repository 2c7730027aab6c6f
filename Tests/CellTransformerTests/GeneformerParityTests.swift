import CellTransformer
import Checkpoints
import Foundation
import Numerics
import TestSupport
import Testing

private let isThere = SharedData.has("parity/geneformer-tiny/expected.safetensors")

/// Small BERT models run by Hugging Face transformers, float64 rounded to float32; the tolerances are about ten times
/// what its own float32 run shows.
@Suite(
    "Parity with Hugging Face's BERT",
    .enabled(if: isThere, "skipped: ../shared/parity/geneformer-tiny is not there"))
struct GeneformerParityTests {
    static let models = ["geneformer-tiny", "geneformer-tiny-gelu"]
    static let files = models.flatMap { [$0 + "/model.safetensors", $0 + "/pytorch_model.bin"] }

    private struct Fixture {
        let encoder: BertEncoder
        let expected: SafetensorsFile

        /// `file` is a weights file beside its config.json and expected.safetensors.
        init(_ file: String) throws {
            let path = SharedData.path("parity/" + file)
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            let config = try HuggingFaceConfig(path: folder + "/config.json")
            let configuration = try BertConfiguration(config)
            let weights =
                file.hasSuffix(".bin")
                ? try BertWeights(configuration, from: TorchArchive(path: path))
                : try BertWeights(configuration, from: SafetensorsFile(path: path))
            #expect(weights.unusedTensors.isEmpty)
            encoder = BertEncoder(weights)
            expected = try SafetensorsFile(path: folder + "/expected.safetensors")
        }

        /// The real tokens of each sequence, padding cut off.
        func cells(_ prefix: String = "") throws -> [[UInt32]] {
            let width = try #require(expected.shape(of: prefix + "input_ids")).last ?? 0
            let tokens = try expected.integers(prefix + "input_ids").map { UInt32($0) }
            let mask =
                prefix.isEmpty ? try expected.integers("attention_mask") : tokens.map { _ in 1 }
            return stride(from: 0, to: tokens.count, by: width).map { start in
                Array(tokens[start..<start + mask[start..<start + width].count { $0 == 1 }])
            }
        }

        /// The largest difference of `rows` from the first rows of sequence `index` of an expected [B, L, n] tensor.
        func difference(_ rows: Matrix, _ name: String, sequence index: Int) throws -> Float {
            let shape = try #require(expected.shape(of: name))
            let values = try expected.floats(name)
            let start = index * shape.dropFirst().reduce(1, *)
            guard rows.columns == shape.last, start + rows.values.count <= values.count else { return .infinity }
            return largestDifference(rows.values, Array(values[start..<start + rows.values.count]))
        }
    }

    @Test("Hidden states of all layers, logits and cell embeddings", arguments: files)
    func forward(file: String) throws {
        let fixture = try Fixture(file)
        let layers = fixture.encoder.configuration.layerCount
        var workspace = BertWorkspace(fixture.encoder.configuration)
        var worst: [String: Float] = [:]
        func note(_ name: String, _ difference: Float) { worst[name] = max(worst[name] ?? 0, difference) }
        let cells = try fixture.cells()
        #expect(cells.map(\.count) == [37, 21, 9])
        for (index, tokens) in cells.enumerated() {
            let states = try fixture.encoder.allHiddenStates(tokens.span, through: layers, workspace: &workspace)
            for (layer, rows) in states.enumerated() {
                note("hidden", try fixture.difference(rows, "hidden_states.\(layer)", sequence: index))
            }
            let logits = try fixture.encoder.logits(at: 0..<tokens.count, workspace: &workspace)
            note("logits", try fixture.difference(logits, "logits", sequence: index))
        }
        for (layer, name) in [(HiddenLayer.secondToLast, "cell_emb.second_to_last"), (.last, "cell_emb.last")] {
            let embedder = CellEmbedder(fixture.encoder.weights, layer: layer)
            let embeddings = try embedder.embed(cells.map { CellInput(tokens: $0) })
            note("cell_emb", largestDifference(embeddings.values, try fixture.expected.floats(name)))
        }
        let long = try fixture.cells("long.")[0]
        #expect(long.count == fixture.encoder.configuration.maximumLength)
        try fixture.encoder.forward(long.span, through: layers, workspace: &workspace)
        note("hidden", try fixture.difference(try workspace.hiddenStates(), "long.hidden_last", sequence: 0))
        try fixture.encoder.forward(long.span, through: layers - 1, workspace: &workspace)
        let pooled = try workspace.pooled(.mean, genes: 0..<long.count)
        note("cell_emb", largestDifference(pooled, try fixture.expected.floats("long.cell_emb.second_to_last")))
        #expect(try #require(worst["hidden"]) <= 1e-5)
        #expect(try #require(worst["logits"]) <= 5e-5)
        #expect(try #require(worst["cell_emb"]) <= 5e-6)
    }

    @Test(
        "bf16 keeps the cell embeddings within its stated error",
        arguments: models, [(Precision.bf16, 1e-4)])
    func precisions(model: String, precision: (Precision, limit: Double)) throws {
        let fixture = try Fixture(model + "/model.safetensors")
        let cells = try fixture.cells().map { CellInput(tokens: $0) }
        for (layer, name) in [(HiddenLayer.secondToLast, "cell_emb.second_to_last"), (.last, "cell_emb.last")] {
            let embedder = CellEmbedder(fixture.encoder.weights, layer: layer, precision: precision.0)
            let found = try embedder.embed(cells)
            let expected = try fixture.expected.floats(name)
            for index in cells.indices {
                let exact = Array(expected[index * found.columns..<(index + 1) * found.columns])
                let distance = 1 - cosine(Array(found[row: index]), exact)
                #expect(distance < precision.limit, "\(precision.0) \(name) \(index): \(distance)")
            }
        }
    }

    @Test(
        "Classifier checkpoints are read with their heads, and only those they have",
        arguments: [
            ("geneformer-tiny-seqcls", BertHeads(pooler: true, labels: 3)),
            ("geneformer-tiny-tokcls", BertHeads(pooler: false, labels: 4)),
        ])
    func classifiers(model: String, heads: BertHeads) throws {
        let weights = try Fixture(model + "/model.safetensors").encoder.weights
        #expect(weights.layout == BertLayout(weights.configuration, heads: heads))
        let file = try SafetensorsFile(path: SharedData.path("parity/\(model)/model.safetensors"))
        #expect(weights.tensorNames == file.tensorNames)
        for name in file.tensorNames {
            #expect(try weights.shape(of: name) == file.shape(of: name) && weights.floats(name) == file.floats(name))
        }
    }

    @Test("In-silico deletion of every token of a cell", arguments: models)
    func deletion(model: String) throws {
        let fixture = try Fixture(model + "/model.safetensors")
        let layer = HiddenLayer.secondToLast.index(in: fixture.encoder.configuration)
        var workspace = BertWorkspace(fixture.encoder.configuration)
        let tokens = try fixture.cells()[0]
        let goal = try fixture.expected.floats("deletion.goal")
        func run(_ tokens: [UInt32]) throws -> (mean: [Float], states: Matrix) {
            try fixture.encoder.forward(tokens.span, through: layer, workspace: &workspace)
            return (try workspace.pooled(.mean, genes: 0..<tokens.count), try workspace.hiddenStates())
        }
        let original = try run(tokens)
        var cellCosine: [Float] = []
        var tokenCosine: [Float] = []
        var goalShift: [Float] = []
        for deleted in tokens.indices {
            var rest = tokens
            rest.remove(at: deleted)
            let perturbed = try run(rest)
            cellCosine.append(Float(cosine(perturbed.mean, original.mean)))
            goalShift.append(Float(cosine(perturbed.mean, goal) - cosine(original.mean, goal)))
            let cosines = rest.indices.map { position in
                cosine(
                    Array(perturbed.states[row: position]),
                    Array(original.states[row: position < deleted ? position : position + 1]))
            }
            tokenCosine.append(Float(cosines.reduce(0, +) / Double(cosines.count)))
        }
        let results = [
            ("cell_cosine", cellCosine), ("token_cosine_mean", tokenCosine), ("goal_shift", goalShift),
        ]
        for (name, values) in results {
            let difference = largestDifference(values, try fixture.expected.floats("deletion." + name))
            #expect(difference <= 1e-6)
        }
        let expected = try fixture.expected.floats("deletion.goal_shift")
        #expect(rankCorrelation(goalShift, expected) > 0.9999)
    }
}

/// Infinite where the counts differ or a value is not finite.
private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
    return zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
}

func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var product = 0.0
    var squares = (0.0, 0.0)
    for (x, y) in zip(a, b) {
        product += Double(x) * Double(y)
        squares.0 += Double(x) * Double(x)
        squares.1 += Double(y) * Double(y)
    }
    return product / (squares.0 * squares.1).squareRoot()
}

/// Spearman's, for values without ties.
private func rankCorrelation(_ a: [Float], _ b: [Float]) -> Double {
    func ranks(_ values: [Float]) -> [Double] {
        var ranks = [Double](repeating: 0, count: values.count)
        for (rank, index) in values.indices.sorted(by: { values[$0] < values[$1] }).enumerated() {
            ranks[index] = Double(rank)
        }
        return ranks
    }
    let n = Double(a.count)
    let squares = zip(ranks(a), ranks(b)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return 1 - 6 * squares / (n * (n * n - 1))
}

extension BertConfiguration {
    /// That of a fixture.
    init(_ config: HuggingFaceConfig) throws {
        try self.init(
            vocabularySize: config.vocabularySize, hiddenSize: config.hiddenSize, layerCount: config.hiddenLayers,
            headCount: config.attentionHeads, feedForwardSize: config.intermediateSize,
            maximumLength: config.maximumPositions,
            activation: try #require(Activation(rawValue: config.hiddenActivation.rawValue)),
            layerNormEpsilon: config.layerNormEpsilon, tokenTypeCount: config.tokenTypes, paddingToken: config.padToken)
    }
}
