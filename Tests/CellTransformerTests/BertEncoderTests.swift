import CellTransformer
import Numerics
import Testing

@Suite("The BERT encoder")
struct BertEncoderTests {
    @Test(
        "Every layer and the logits agree with the plain equations in Double, for any length",
        arguments: [BertConfiguration.Activation.relu, .gelu])
    func oracle(activation: BertConfiguration.Activation) throws {
        let model = try TinyModel(activation: activation)
        let encoder = BertEncoder(try model.weights())
        // One workspace for all: what an earlier, longer cell left in it must not show.
        var workspace = BertWorkspace(model.configuration)
        for length in [40, 1, 2, 3, 7, 16, 17, 31, 39] {
            let tokens = model.cell(length)
            let expected = model.oracle.hiddenStates(tokens)
            let states = try encoder.allHiddenStates(tokens.span, through: 3, workspace: &workspace)
            #expect(states.count == 4)
            for layer in 0...3 {
                #expect(largestDifference(states[layer], expected[layer]) < 1e-5, "layer \(layer), length \(length)")
            }
            let logits = try encoder.logits(at: 0..<length, workspace: &workspace)
            #expect(largestDifference(logits, model.oracle.logits(expected[3])) < 5e-5)
            let some = try encoder.logits(at: length / 2..<length, workspace: &workspace)
            #expect(largestDifference(some, Array(model.oracle.logits(expected[3])[(length / 2)...])) < 5e-5)
            #expect(try workspace.hiddenStates() == states[3], "logits leave the hidden states alone")
        }
    }

    @Test("Cells longer than a tile of queries agree with the plain equations too")
    func tiles() throws {
        let model = try TinyModel(layers: 1, maximumLength: 520)
        let encoder = BertEncoder(try model.weights())
        var workspace = BertWorkspace(model.configuration)
        for length in [255, 256, 257, 520] {
            let tokens = model.cell(length)
            try encoder.forward(tokens.span, through: 1, workspace: &workspace)
            let expected = model.oracle.hiddenStates(tokens)[1]
            #expect(largestDifference(try workspace.hiddenStates(), expected) < 1e-5, "length \(length)")
        }
    }

    @Test("Running fewer layers gives the same bytes as the full run has there, with any workspace that is big enough")
    func layerLimit() throws {
        let model = try TinyModel()
        let encoder = BertEncoder(try model.weights())
        let tokens = model.cell(21)
        var full = BertWorkspace(model.configuration)
        let states = try encoder.allHiddenStates(tokens.span, through: 3, workspace: &full)
        var small = BertWorkspace(model.configuration, maximumLength: 21)
        for layer in 0...3 {
            try encoder.forward(tokens.span, through: layer, workspace: &small)
            #expect(small.layer == layer && small.length == 21)
            #expect(try small.hiddenStates() == states[layer])
        }
        #expect(states[1] != states[2])
    }

    @Test("Pooling takes the first position, or the mean of the given ones")
    func pooling() throws {
        let model = try TinyModel()
        let encoder = BertEncoder(try model.weights())
        var workspace = BertWorkspace(model.configuration)
        let tokens = model.cell(10)
        try encoder.forward(tokens.span, through: 2, workspace: &workspace)
        let states = try workspace.hiddenStates()
        #expect(try workspace.pooled(.cls, genes: 1..<9) == Array(states[row: 0]))
        #expect(try workspace.hiddenStates(3..<5).values == Array(states.values[3 * 24..<5 * 24]))
        for genes in [0..<10, 1..<9, 4..<5] {
            let mean = try workspace.pooled(.mean, genes: genes)
            let expected = (0..<24).map { column in
                genes.reduce(0.0) { $0 + Double(states.values[$1 * 24 + column]) } / Double(genes.count)
            }
            #expect(mean == expected.map { Float($0) })
        }
    }

    @Test("Cells that do not fit the model, and layers and positions that are not there, are errors")
    func errors() throws {
        let model = try TinyModel()
        let encoder = BertEncoder(try model.weights())
        var workspace = BertWorkspace(model.configuration, maximumLength: 20)
        func code(_ tokens: [UInt32], _ layer: Int, _ workspace: inout BertWorkspace) -> TransformerError.Code? {
            do {
                try encoder.forward(tokens.span, through: layer, workspace: &workspace)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code([], 3, &workspace) == .noTokens)
        #expect(code(model.cell(21), 3, &workspace) == .tooManyTokens)
        #expect(code([1, 50], 3, &workspace) == .unknownToken)
        #expect(code([1, .max], 3, &workspace) == .unknownToken)
        #expect(code([1], 4, &workspace) == .noSuchLayer)
        #expect(code([1], -1, &workspace) == .noSuchLayer)
        #expect(code([1, 49], 2, &workspace) == nil)
        var short = BertWorkspace(model.configuration)
        try encoder.forward([1, 2, 3].span, through: 2, workspace: &short)
        do {
            _ = try encoder.logits(at: 0..<3, workspace: &short)
            Issue.record("logits of the second-to-last layer")
        } catch { #expect(error.code == .noSuchLayer) }
        do {
            _ = try short.hiddenStates(2..<4)
            Issue.record("a position past the end")
        } catch { #expect(error.code == .noSuchPosition) }
        do {
            _ = try short.pooled(.mean, genes: 1..<1)
            Issue.record("a mean of nothing")
        } catch { #expect(error.code == .noSuchPosition) }
    }

    @Test("A checkpoint without a masked-gene head gives hidden states, but an error for logits")
    func noHead() throws {
        let model = try TinyModel(heads: BertHeads())
        let encoder = BertEncoder(try model.weights())
        var workspace = BertWorkspace(model.configuration)
        try encoder.forward(model.cell(5).span, through: 3, workspace: &workspace)
        do {
            _ = try encoder.logits(at: 0..<5, workspace: &workspace)
            Issue.record("logits without a head")
        } catch { #expect(error.code == .noLanguageModelHead) }
    }
}
