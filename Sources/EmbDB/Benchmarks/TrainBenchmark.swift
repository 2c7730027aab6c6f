internal import CellTransformer
internal import Dispatch
internal import Numerics

/// A model that learns from given cells, in the given order, so that its losses can be laid beside another program's: what
/// `embdb bench train` prints.
package enum TrainBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// The folder's name, or "default".
        package let model: String
        /// Of each step before it changed the model, in nats.
        package let losses: [Double]
        /// Cells that were learned from.
        package let cells: Int
        /// Of the steps alone.
        package let seconds: Double
        /// The kernel that OpenBLAS took for this CPU.
        package let blasKernel: String
        /// SIMD level of the program's own kernels.
        package let simdLevel: String

        package var cellsPerSecond: Double { Double(cells) / seconds }
    }

    /// Trains the masked-gene head and all below it, once over all cells. Nothing is written.
    ///
    /// - Parameters:
    ///   - model: a folder, which needs no dictionaries, or "default".
    ///   - inputs: the cells, see ``GivenExamples``; a step takes the next ``PretrainOptions/batch`` of them.
    ///   - options: of these batch, learning rate, warm-up, schedule, weight decay, dropout and threads count.
    /// - Throws: ``EmbDBError`` `model`, `input`, `usage`, `cancelled`.
    package static func run(
        model: String, inputs: String, labels: String, options: PretrainOptions, control: Control = Control()
    ) throws(EmbDBError) -> Result {
        try withEmbDBErrors {
            try options.check()
            if let warning = SIMDLevel.warning { control.warning(warning) }
            let (name, weights) = try ModelFolder.weights(model, warning: control.warning)
            guard weights.layout.head != nil else {
                throw EmbDBError(
                    .model,
                    "the model has no masked-gene head to train (\(model)): give a pretrained model, or a new one")
            }
            let examples = try GivenExamples.read(inputs: inputs, labels: labels, weights.configuration)
            let steps = stride(from: 0, to: examples.count, by: options.batch).map {
                $0..<min(examples.count, $0 + options.batch)
            }
            for rows in steps where examples[rows].allSatisfy({ $0.labels.isEmpty }) {
                throw EmbDBError(
                    .input,
                    "nothing is to be found in a step's cells (\(labels), rows \(rows.lowerBound) to "
                        + "\(rows.upperBound - 1)): give each step a label")
            }
            let training = ModelTraining(
                weights, task: .maskedGenes, options: options.training(steps: steps.count))
            var (losses, seconds): ([Double], Double) = ([], 0)
            for (step, rows) in steps.enumerated() {
                try control.checkCancelled("stopped")
                let start = DispatchTime.now()
                losses.append(try training.update(Array(examples[rows]), seed: UInt64(step)).loss)
                seconds += Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
                control.progress(.init(unit: "steps", phase: "training", done: step + 1, total: steps.count))
            }
            return Result(
                model: name, losses: losses, cells: examples.count, seconds: seconds, blasKernel: BLAS.kernelName,
                simdLevel: SIMDLevel.current)
        }
    }
}
