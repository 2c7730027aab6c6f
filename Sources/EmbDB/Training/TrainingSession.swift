internal import CellTransformer

extension PretrainRun {
    /// What is kept between steps beside the model: the log, and the losses since its last row.
    struct Session {
        private let log: TrainingLog
        private var losses: [Double] = []
        private var norms: [Double] = []

        /// Begins a log; or takes it up, and the training with it, where a checkpoint's words say.
        init(_ folder: TrainingFolder, _ words: [String: String]?, _ training: ModelTraining) throws {
            guard let words else {
                log = try TrainingLog(folder.log, continuingAt: nil)
                return
            }
            try TrainingCheckpoint.read(folder.checkpoint, into: training)
            guard let size = words["log_bytes"].flatMap(Int.init) else {
                throw EmbDBError(
                    .model,
                    "the checkpoint does not say how long the log was (\(folder.checkpoint)): begin in a new folder")
            }
            log = try TrainingLog(folder.log, continuingAt: size)
            losses = Self.numbers(words["losses"])
            norms = Self.numbers(words["norms"])
        }

        /// What a checkpoint has to say beside the parameters; the log is on the disk then.
        func words(_ key: String) throws(EmbDBError) -> [String: String] {
            try log.sync()
            return [
                TrainingFolder.keyWord: key, "log_bytes": String(log.size), "losses": Self.text(losses),
                "norms": Self.text(norms),
            ]
        }

        /// Shortest decimals, which read back to the same bits.
        private static func text(_ numbers: [Double]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }
        private static func numbers(_ text: String?) -> [Double] {
            (text ?? "").split(separator: " ").compactMap { Double($0) }
        }

        mutating func add(_ update: ModelTraining.Update) {
            losses.append(update.loss)
            norms.append(update.norm)
        }

        /// Whether a step was made since the last row.
        var hasSteps: Bool { !losses.isEmpty }
        var meanLoss: Double? { losses.isEmpty ? nil : losses.reduce(0, +) / Double(losses.count) }

        /// Writes a row of the steps since the last one. Returns their mean loss.
        mutating func writeRow(
            _ pretraining: Pretraining<CorpusCells>, _ evaluation: Pretraining<CorpusCells>.Evaluation?
        ) throws(EmbDBError) -> Double {
            let loss = meanLoss ?? 0
            try log.add(
                TrainingLog.Row(
                    step: pretraining.training.step, epoch: pretraining.epochs, loss: loss,
                    rate: pretraining.training.options.rate(pretraining.training.step - 1),
                    norm: norms.reduce(0, +) / Double(max(1, norms.count)), heldOutLoss: evaluation?.loss,
                    heldOutAccuracy: evaluation?.accuracy))
            losses.removeAll()
            norms.removeAll()
            return loss
        }
    }
}
