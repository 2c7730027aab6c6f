import CellTransformer
import Checkpoints
import Foundation
import Numerics
import TestSupport
import Testing

private let isThere =
    SharedData.has("parity/geneformer-tiny-seqcls/expected.safetensors")
    && SharedData.has("parity/geneformer-tiny-tokcls/expected.safetensors")

@Suite("probabilities of a classifier's classes")
struct BertClassifierTests {
    /// softmax(C tanh(P x + p) + c), or softmax(C x + c), in Double, of the oracle's last hidden states.
    private static func probabilities(_ oracle: NaiveBert, _ cell: [UInt32], _ positions: [Int], isOfCells: Bool)
        -> [[Double]]
    {
        let last = oracle.hiddenStates(cell)[oracle.configuration.layerCount]
        func linear(_ x: [Double], _ name: String) -> [Double] {
            let weight = oracle.tensors[name + ".weight"] ?? []
            return (oracle.tensors[name + ".bias"] ?? []).enumerated().map { row, bias in
                x.indices.reduce(bias) { $0 + weight[row * x.count + $1] * x[$1] }
            }
        }
        return positions.map { position in
            var x = last[position]
            if isOfCells { x = linear(x, "bert.pooler.dense").map { tanh($0) } }
            let logits = linear(x, "classifier")
            let powers = logits.map { exp($0 - (logits.max() ?? 0)) }
            return powers.map { $0 / powers.reduce(0, +) }
        }
    }

    @Test(
        "as the formulas say, of cells and of genes, for any number of threads the same bytes",
        arguments: [true, false])
    func oracle(isOfCells: Bool) throws {
        let model = try TinyModel(heads: BertHeads(pooler: isOfCells, labels: 4), seed: 5)
        let weights = try model.weights()
        let cells = [1, 9, 40, 17, 2].map { model.cell($0) }
        let positions = cells.map { isOfCells ? [0] : [$0.count - 1, 0, $0.count / 2] }
        let classifier = try #require(BertClassifier(weights, threads: 1))
        #expect(classifier.labelCount == 4 && classifier.isOfCells == isOfCells)
        let found = try classifier.probabilities(cells, positions: positions)
        let expected = zip(cells, positions).flatMap {
            Self.probabilities(model.oracle, $0, $1, isOfCells: isOfCells)
        }
        #expect(largestDifference(found, expected) < 1e-5)
        // Cells differ, or nothing is shown by this.
        #expect(Set(found.values.map { ($0 * 1000).rounded() }).count > 10)
        for threads in 2...5 {
            let again = try #require(BertClassifier(weights, threads: threads))
            #expect(try again.probabilities(cells, positions: positions).values == found.values)
        }
    }

    @Test("a model without a classifier is none; a call that says so stops it")
    func others() throws {
        #expect(BertClassifier(try TinyModel().weights(), threads: 1) == nil)
        let model = try TinyModel(heads: BertHeads(pooler: true, labels: 2))
        let classifier = try #require(BertClassifier(try model.weights(), threads: 2))
        let error = #expect(throws: TransformerError.self) {
            try classifier.probabilities([model.cell(3), model.cell(4)], positions: [[0], [0]]) { false }
        }
        #expect(error?.code == .stopped)
        let none = try classifier.probabilities([], positions: [])
        #expect(none.rows == 0)
    }

    @Test(
        "as PyTorch's logits say",
        .enabled(if: isThere, "skipped: ../shared/parity/geneformer-tiny-seqcls or -tokcls is not there"),
        arguments: ["geneformer-tiny-seqcls", "geneformer-tiny-tokcls"])
    func parity(name: String) throws {
        let folder = SharedData.path("parity/" + name)
        let configuration = try BertConfiguration(HuggingFaceConfig(path: folder + "/config.json"))
        let archive = try SafetensorsFile(path: folder + "/model.safetensors")
        let classifier = try #require(BertClassifier(try BertWeights(configuration, from: archive), threads: 2))
        let expected = try SafetensorsFile(path: folder + "/expected.safetensors")
        let width = try #require(expected.shape(of: "input_ids")).last ?? 0
        let (tokens, mask) = (try expected.integers("input_ids"), try expected.integers("attention_mask"))
        let logits = try expected.floats("logits")
        let labels = classifier.labelCount
        var cells: [[UInt32]] = []
        var positions: [[Int]] = []
        var wanted: [[Double]] = []
        for cell in 0..<tokens.count / width {
            let places = (cell * width..<(cell + 1) * width).filter { mask[$0] == 1 }
            cells.append(places.map { UInt32(tokens[$0]) })
            positions.append(classifier.isOfCells ? [0] : Array(places.indices))
            for row in classifier.isOfCells ? [cell] : places {
                let own = logits[row * labels..<(row + 1) * labels].map { Double($0) }
                let powers = own.map { exp($0 - (own.max() ?? 0)) }
                wanted.append(powers.map { $0 / powers.reduce(0, +) })
            }
        }
        let found = try classifier.probabilities(cells, positions: positions)
        #expect(largestDifference(found, wanted) < 1e-5)
    }
}
