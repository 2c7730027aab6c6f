import CellTransformer
import Checkpoints
import Foundation
import TestSupport
import Testing

private let isThere = SharedData.has("parity/geneformer-tiny/train_mlm.safetensors")

/// Losses, gradients and three steps of AdamW against PyTorch in float64, within the tolerances that come with the numbers.
@Suite(
    "Parity of training with PyTorch",
    .enabled(if: isThere, "skipped: ../shared/parity/geneformer-tiny/train_mlm.safetensors is not there"))
struct TrainingParityTests {
    private struct Fixture {
        let expected: SafetensorsFile
        let trainer: BertTrainer
        let batch: TrainingBatch
        let targets: TrainingTargets

        init(_ model: String, _ file: String, _ task: TrainingTask, threads: Int) throws {
            let folder = SharedData.path("parity/" + model)
            let config = try HuggingFaceConfig(path: folder + "/config.json")
            let configuration = try BertConfiguration(config)
            let weights = try BertWeights(configuration, from: SafetensorsFile(path: folder + "/model.safetensors"))
            trainer = BertTrainer(configuration, Parameters(copying: weights), threads: threads)
            expected = try SafetensorsFile(path: folder + "/" + file)
            let width = try #require(expected.shape(of: "input_ids")).last ?? 0
            let tokens = try expected.integers("input_ids")
            let mask = try expected.integers("attention_mask")
            let labels = try expected.integers("labels")
            var batch = TrainingBatch()
            var rows: [Int] = []
            var wanted: [Int] = []
            for cell in 0..<tokens.count / width {
                let places = (cell * width..<(cell + 1) * width).filter { mask[$0] == 1 }
                if case .cells = task {
                    rows.append(batch.rows)
                    wanted.append(Int(labels[cell]))
                } else {
                    for (index, place) in places.enumerated() where labels[place] != -100 {
                        rows.append(batch.rows + index)
                        wanted.append(Int(labels[place]))
                    }
                }
                batch.add(places.map { UInt32(tokens[$0]) })
            }
            self.batch = batch
            targets = TrainingTargets(rows: rows, labels: wanted)
        }
    }

    @Test(
        "losses, gradients of every parameter, and parameters after three steps",
        arguments: [
            ("geneformer-tiny", "train_mlm.safetensors", TrainingTask.maskedGenes),
            ("geneformer-tiny-seqcls", "expected.safetensors", .cells),
            ("geneformer-tiny-tokcls", "expected.safetensors", .genes),
        ], [1, 3])
    func training(model: (String, String, TrainingTask), threads: Int) throws {
        let fixture = try Fixture(model.0, model.1, model.2, threads: threads)
        let (trainer, expected) = (fixture.trainer, fixture.expected)
        var options = AdamW.Options()
        options.weightDecay = 0.01
        options.decaysAll = true
        let optimizer = AdamW(trainer.layout, options)
        for step in 0...3 {
            trainer.gradients.removeAll()
            let loss = try trainer.accumulate(fixture.batch, fixture.targets, model.2, onlyLoss: step == 3)
            let difference = (loss.loss - Double(try expected.floats("loss.\(step)")[0])).magnitude
            #expect(difference <= 5e-6, "loss \(step): \(difference)")
            if step == 0 { try compareGradients(trainer, expected) }
            if step < 3 { optimizer.update(trainer.parameters, by: trainer.gradients, rate: 1e-3, threads: threads) }
        }
        var far = 0
        var all = 0
        for parameter in trainer.layout.parameters {
            let name = "param_after3." + parameter.name
            guard expected.shape(of: name) != nil else { continue }
            let found = try trainer.parameters.floats(parameter.name)
            let limit: Float = parameter.name.hasSuffix("key.bias") ? 3.5e-3 : 5e-4
            for (a, b) in zip(found, try expected.floats(name)) {
                #expect((a - b).magnitude <= limit, "\(name): \(a) \(b)")
                if !parameter.name.hasSuffix("key.bias") {
                    all += 1
                    if (a - b).magnitude > 1e-5 { far += 1 }
                }
            }
        }
        #expect(all > 0 && Double(far) <= 1e-3 * Double(all), "\(far) of \(all)")
    }

    private func compareGradients(_ trainer: BertTrainer, _ expected: SafetensorsFile) throws {
        for parameter in trainer.layout.parameters {
            let found = try trainer.gradients.floats(parameter.name)
            let wanted = try expected.floats("grad." + parameter.name)
            #expect(found.count == wanted.count)
            let difference = zip(found, wanted).reduce(Float(0)) { max($0, ($1.0 - $1.1).magnitude) }
            guard !parameter.name.hasSuffix("key.bias") else {
                #expect(found.allSatisfy { $0.magnitude <= 1e-6 }, "\(parameter.name)")
                continue
            }
            #expect(difference <= 1e-5, "\(parameter.name): \(difference)")
            let size = wanted.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let distance = zip(found, wanted).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
                .squareRoot()
            if size > 1e-4 { #expect(distance <= 1e-5 * size, "\(parameter.name): \(distance / size)") }
        }
    }
}
