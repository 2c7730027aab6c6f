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
    private let isNew: Bool
    private let descriptor: Int32

    var checkpoint: String { path + "/training.checkpoint" }
    var log: String { path + "/training.tsv" }
    var heldOut: String { path + "/held_out.tsv" }
    private var weights: String { path + "/model.safetensors" }
    /// Under this word checkpoint and model keep which training they are of.
    static let keyWord = "embdb_training"

    /// Makes the folder if it is not there, and takes it for this process alone.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` for a folder with something else in it; `locked` if a training is running in it;
    ///   `storage`.
    init(_ path: String) throws(EmbDBError) {
        self.path = path
        isNew = !FileManager.default.fileExists(atPath: path)
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EmbDBError(
                .storage, "the folder cannot be made (\(path)): check the place and its permissions, or name another")
        }
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw EmbDBError(.storage, "the folder cannot be opened (\(path)): check its permissions, or name another")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw EmbDBError(.locked, "a training is running in the folder (\(path)): wait for it, or name another")
        }
        state = try Self.state(path)
    }

    deinit {
        // Of a training that failed before it wrote anything nothing is to be left; a folder with files in it stays.
        if isNew { rmdir(path) }
        close(descriptor)
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
        key: String
    ) throws(EmbDBError) {
        try text(vocabulary.tableText(), Vocabulary.tableName)
        if !vocabulary.aliases.isEmpty { try text(vocabulary.mappingText(), Vocabulary.mappingName) }
        let configuration = HuggingFaceConfig(model.configuration, task: task, labels: labels)
        try text(configuration.text(dropout: dropout), "config.json")
        let weights = weights
        try Self.wrapped {
            try Safetensors.write(model, metadata: ["format": "pt", Self.keyWord: key], to: weights)
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

extension HuggingFaceConfig {
    /// Of a model with the head of a task.
    init(_ configuration: BertConfiguration, task: TrainingTask, labels: [String]) {
        self.init(
            vocabularySize: configuration.vocabularySize, hiddenSize: configuration.hiddenSize,
            hiddenLayers: configuration.layerCount, attentionHeads: configuration.headCount,
            intermediateSize: configuration.feedForwardSize,
            hiddenActivation: configuration.activation == .relu ? .relu : .gelu,
            maximumPositions: configuration.maximumLength, tokenTypes: configuration.tokenTypeCount,
            layerNormEpsilon: configuration.layerNormEpsilon, padToken: configuration.paddingToken)
        architectures =
            switch task {
            case .maskedGenes: ["BertForMaskedLM"]
            case .cells: ["BertForSequenceClassification"]
            case .genes: ["BertForTokenClassification"]
            }
        self.labels = labels
    }
}
