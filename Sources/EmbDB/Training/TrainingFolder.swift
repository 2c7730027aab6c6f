internal import AnnData
internal import CellTransformer
internal import Checkpoints
internal import Foundation
internal import Tokenizers

/// The folder that a training makes: while it runs, its log and its checkpoint; then the model, as others read it.
final class TrainingFolder {
    /// What is in it.
    enum State: Equatable {
        case new
        /// With the checkpoint's words.
        case unfinished([String: String])
        case complete
    }

    let path: String
    let state: State
    private let lock: FolderLock
    private let isMade: Bool

    var checkpoint: String { path + "/training.checkpoint" }
    var log: String { path + "/training.tsv" }
    var heldOut: String { path + "/held_out.tsv" }
    private var weights: String { path + "/model.safetensors" }
    /// Under this word checkpoint and model keep which training they are of.
    static let keyWord = "embdb_training"

    /// Makes the folder if it is not there, and takes it for this process alone. One that was made is gone with this object
    /// if nothing was put in it.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` for a folder with something else in it; `locked` if a training is running in it;
    ///   `storage`.
    init(_ path: String) throws(EmbDBError) {
        self.path = path
        isMade = !FileManager.default.fileExists(atPath: path)
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EmbDBError(
                .storage, "the folder cannot be made (\(path)): check the place and its permissions, or name another")
        }
        lock = try FolderLock(path)
        state = try Self.state(path)
    }

    // A folder with anything in it stays.
    deinit { if isMade { rmdir(path) } }

    /// Removes what a killed training had begun to write: no other one writes here now.
    func removePartialFiles() {
        let tensors = [checkpoint, weights].map { $0 + Safetensors.partialEnding }
        let starts = ["", "config.json", "held_out.tsv", Vocabulary.tableName, Vocabulary.mappingName].map {
            $0 + ReplacedFile.partialMark
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            let file = path + "/" + name
            if tensors.contains(file) || starts.contains(where: name.hasPrefix) { unlink(file) }
        }
    }

    private static func state(_ path: String) throws(EmbDBError) -> State {
        let files = FileManager.default
        let checkpoint = path + "/training.checkpoint"
        if files.fileExists(atPath: checkpoint) {
            return .unfinished(try wrapped { try TrainingCheckpoint.words(checkpoint) })
        }
        let weights = path + "/model.safetensors"
        if files.fileExists(atPath: weights), (try? SafetensorsFile(path: weights).metadata[keyWord]) != nil {
            return .complete
        }
        for name in ["config.json", "model.safetensors", "pytorch_model.bin", "vocabulary.tsv"]
        where files.fileExists(atPath: path + "/" + name) {
            throw EmbDBError(
                .usage, "there is a model in the folder already, with \(name) (\(path)): name a new folder")
        }
        return .new
    }

    /// Whether the model in it is of the training `key`.
    func holdsModel(of key: String) -> Bool {
        (try? SafetensorsFile(path: weights).metadata[Self.keyWord]) == key
    }

    func write(_ training: ModelTraining, words: [String: String]) throws(EmbDBError) {
        let checkpoint = checkpoint
        try Self.wrapped { try TrainingCheckpoint.write(training, words: words, to: checkpoint) }
    }

    /// Writes the model; the weights last, since with them it is complete.
    ///
    /// - Throws: ``EmbDBError/Code/storage``.
    func finish(
        _ model: BertWeights, task: TrainingTask, vocabulary: Vocabulary, labels: [String] = [], dropout: Float,
        type: Safetensors.StoredType = .float32, key: String
    ) throws(EmbDBError) {
        try text(vocabulary.tableText(), Vocabulary.tableName)
        if !vocabulary.aliases.isEmpty { try text(vocabulary.mappingText(), Vocabulary.mappingName) }
        let configuration = HuggingFaceConfig(model.configuration, task: task, labels: labels)
        try text(configuration.text(dropout: dropout, type: type), "config.json")
        let weights = weights
        try Self.wrapped {
            try Safetensors.write(model, as: type, metadata: ["format": "pt", Self.keyWord: key], to: weights)
        }
        unlink(checkpoint)
    }

    func text(_ text: String, _ name: String) throws(EmbDBError) {
        var file = try OutputFile(path + "/" + name)
        try file.write(text)
        try file.finish()
    }

    private static func wrapped<R>(_ body: () throws -> R) throws(EmbDBError) -> R {
        do {
            return try body()
        } catch {
            let wrapped = EmbDBError(wrapping: error)
            guard let error = error as? CheckpointError, error.code == .notWritable else { throw wrapped }
            throw EmbDBError(.storage, wrapped.message, underlying: error)
        }
    }
}
