internal import Checkpoints
internal import Foundation

/// `training.tsv`: a row at least every ten steps, with what was learned since the row before. It has no times in it, so
/// that a training that was taken up again leaves the same bytes as one that was not stopped.
final class TrainingLog {
    /// A row.
    struct Row {
        var step: Int
        var epoch: Double
        /// Mean over the steps since the row before, in nats.
        var loss: Double
        var rate: Double
        /// Of the gradients, mean over the same steps.
        var norm: Double
        var heldOutLoss: Double?
        var heldOutAccuracy: Double?
    }

    static let stepsOfRow = 10
    private static let header = [
        "step", "epoch", "loss", "learning_rate", "gradient_norm", "held_out_loss", "held_out_accuracy",
    ]

    private let path: String
    private let handle: FileHandle
    /// Bytes so far.
    private(set) var size: Int

    /// Begins the file, or takes it up where it had `size` bytes.
    ///
    /// - Throws: ``EmbDBError/Code/storage``.
    init(_ path: String, continuingAt size: Int?) throws(EmbDBError) {
        self.path = path
        self.size = size ?? 0
        let opened = size == nil ? FileHandle(creatingAtPath: path) : FileHandle(forUpdatingAtPath: path)
        guard let handle = opened else {
            let isGone = size != nil && !FileManager.default.fileExists(atPath: path)
            throw EmbDBError(
                .storage,
                isGone
                    ? "the training's log is gone (\(path)): put it back, or begin in a new folder"
                    : "the log cannot be written (\(path)): check the folder and its permissions")
        }
        self.handle = handle
        do {
            guard try handle.seekToEnd() >= UInt64(self.size) else {
                throw EmbDBError(
                    .storage, "the log is shorter than the training's checkpoint says (\(path)): begin in a new folder")
            }
            try handle.truncate(atOffset: UInt64(self.size))
        } catch let error as EmbDBError {
            throw error
        } catch {
            throw failed()
        }
        if size == nil { try write(Self.header) }
    }

    deinit { try? handle.close() }

    func add(_ row: Row) throws(EmbDBError) {
        func number(_ value: Double?, _ format: String) -> String { value.map { String(format: format, $0) } ?? "" }
        try write([
            String(row.step), number(row.epoch, "%.4f"), number(row.loss, "%.5f"), number(row.rate, "%.6e"),
            number(row.norm, "%.5f"), number(row.heldOutLoss, "%.5f"), number(row.heldOutAccuracy, "%.5f"),
        ])
    }

    /// Returns once the rows are on the disk: a checkpoint that counts them must not outlive them.
    func sync() throws(EmbDBError) {
        do {
            try handle.synchronize()
        } catch {
            throw failed()
        }
    }

    private func write(_ fields: [String]) throws(EmbDBError) {
        let bytes = Data(TabSeparated.row(fields).utf8)
        do {
            try handle.write(contentsOf: bytes)
        } catch {
            throw failed()
        }
        size += bytes.count
    }

    private func failed() -> EmbDBError {
        EmbDBError(.storage, "writing the log failed (\(path)): is the disk full?")
    }
}
