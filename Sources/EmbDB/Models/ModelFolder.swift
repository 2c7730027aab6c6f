internal import CDefaultModel
internal import CellTransformer
internal import Checkpoints
internal import Foundation
internal import Tokenizers

/// A model as people download it: `config.json`, weights and dictionaries in a folder; or the one in the binary.
struct ModelFolder {
    static let defaultName = "default"

    let model: EmbeddingModel
    /// Configuration, weights and dictionaries; empty for the model in the binary.
    let files: [String]

    /// Loads the folder `path`, or the model in the binary for "default". A tensor that is left over is a warning.
    ///
    /// - Throws: ``EmbDBError/Code/model`` that names the file and what is wrong with it.
    static func load(
        _ path: String, dictionaries: String?, warning: (String) -> Void
    ) throws(EmbDBError) -> EmbeddingModel {
        try read(path, dictionaries: dictionaries, warning: warning).model
    }

    /// ``load(_:dictionaries:warning:)`` with what was read beside the model.
    static func read(
        _ path: String, dictionaries: String?, warning: (String) -> Void
    ) throws(EmbDBError) -> ModelFolder {
        do {
            return path == defaultName ? try loadDefault() : try loadFolder(path, dictionaries, warning)
        } catch {
            throw EmbDBError(wrapping: error, otherwise: .model)
        }
    }

    /// The weights alone, for what asks for no gene by its name: of the folder `path`, which then needs no dictionaries, or
    /// of the model in the binary.
    ///
    /// - Throws: ``EmbDBError/Code/model`` as ``load(_:dictionaries:warning:)``.
    static func weights(
        _ path: String, warning: (String) -> Void
    ) throws(EmbDBError) -> (name: String, weights: BertWeights) {
        do {
            if path == defaultName { return (defaultName, try loadDefault().model.weights) }
            let (folder, config, configuration) = try configuration(inFolder: path)
            let weights = try weights(in: folder, config, configuration).0
            warnOfUnused(weights, warning)
            return (folder.lastPathComponent, weights)
        } catch {
            throw EmbDBError(wrapping: error, otherwise: .model)
        }
    }

    /// The folder at `path`, and what its config.json says.
    private static func configuration(inFolder path: String) throws -> (URL, HuggingFaceConfig, BertConfiguration) {
        let folder = URL(fileURLWithPath: path, isDirectory: true).standardizedFileURL
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
            throw EmbDBError(.model, "there is no model folder of that name (\(path)): give a folder, or \"default\"")
        }
        guard isFolder.boolValue else {
            throw EmbDBError(
                .model, "the model is a file, not a folder (\(path)): give the folder that holds config.json")
        }
        let configPath = configPath(in: folder)
        guard FileManager.default.fileExists(atPath: configPath) else {
            if FileManager.default.fileExists(atPath: folder.appendingPathComponent("best_model.pt").path) {
                throw EmbDBError(
                    .model,
                    "an scGPT model, which is not read yet (\(folder.path)): give the folder of a Geneformer model")
            }
            throw EmbDBError(
                .model, "no config.json (\(folder.path)): give the folder of a model, with config.json and its weights")
        }
        let config = try HuggingFaceConfig(path: configPath)
        return (folder, config, try configuration(config))
    }

    private static func configPath(in folder: URL) -> String { folder.appendingPathComponent("config.json").path }

    private static func warnOfUnused(_ weights: BertWeights, _ warning: (String) -> Void) {
        guard !weights.unusedTensors.isEmpty else { return }
        warning(
            "tensors that the model has no use for: \(weights.unusedTensors.prefix(5).joined(separator: ", "))"
                + (weights.unusedTensors.count > 5 ? " and \(weights.unusedTensors.count - 5) more" : "")
                + " (\(weights.file))")
    }

    private static func loadFolder(
        _ path: String, _ dictionaries: String?, _ warning: (String) -> Void
    ) throws -> ModelFolder {
        let (folder, config, configuration) = try configuration(inFolder: path)
        if let dictionaries {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: dictionaries, isDirectory: &isFolder), isFolder.boolValue
            else {
                throw EmbDBError(
                    .model, "--dictionaries: there is no such folder (\(dictionaries)): name the one that holds them")
            }
        }
        let dictionaries = try VocabularyFiles.find(
            in: [folder.path, folder.deletingLastPathComponent().path] + (dictionaries.map { [$0] } ?? []))
        let vocabulary = try Vocabulary(files: dictionaries)
        if vocabulary.count < configuration.vocabularySize {
            warning(
                "the dictionaries have \(vocabulary.count) tokens, the model \(configuration.vocabularySize) (\(path)): "
                    + "are they the ones that belong to the model? With others every token means another gene")
        }
        let (weights, seed) = try weights(in: folder, config, configuration)
        warnOfUnused(weights, warning)
        let model = try EmbeddingModel(
            name: folder.lastPathComponent, weights: weights, vocabulary: vocabulary, untrainedSeed: seed,
            labels: config.labels)
        return ModelFolder(
            model: model, files: [configPath(in: folder)] + (seed == nil ? [weights.file] : []) + dictionaries.paths)
    }

    private static func weights(
        in folder: URL, _ config: HuggingFaceConfig, _ configuration: BertConfiguration
    ) throws -> (BertWeights, UInt64?) {
        let safetensors = folder.appendingPathComponent("model.safetensors").path
        if FileManager.default.fileExists(atPath: safetensors) {
            return (try BertWeights(configuration, from: SafetensorsFile(path: safetensors)), nil)
        }
        let torch = folder.appendingPathComponent("pytorch_model.bin").path
        if FileManager.default.fileExists(atPath: torch) {
            return (try BertWeights(configuration, from: TorchArchive(path: torch)), nil)
        }
        if let seed = config.seed { return (BertWeights(configuration, seed: seed), seed) }
        throw EmbDBError(
            .model, "no model.safetensors and no pytorch_model.bin (\(folder.path)): put the model's weights there")
    }

    private static func loadDefault() throws -> ModelFolder {
        func bytes(_ of: (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt8>?) -> [UInt8] {
            var length = 0
            let start = of(&length)
            return Array(UnsafeBufferPointer(start: start, count: length))
        }
        let config = try HuggingFaceConfig(json: bytes(default_model_config), file: "the default model's config.json")
        let vocabulary = try Vocabulary(
            table: bytes(default_model_vocabulary), file: "the default model's vocabulary.tsv")
        let file = try SafetensorsFile(
            bytes: bytes(default_model_weights), file: "the default model's model.safetensors")
        let model = try EmbeddingModel(
            name: defaultName, weights: BertWeights(try configuration(config), from: file), vocabulary: vocabulary,
            untrainedSeed: nil)
        return ModelFolder(model: model, files: [])
    }

    private static func configuration(_ config: HuggingFaceConfig) throws(TransformerError) -> BertConfiguration {
        try BertConfiguration(
            vocabularySize: config.vocabularySize, hiddenSize: config.hiddenSize, layerCount: config.hiddenLayers,
            headCount: config.attentionHeads, feedForwardSize: config.intermediateSize,
            maximumLength: config.maximumPositions, activation: config.hiddenActivation == .relu ? .relu : .gelu,
            layerNormEpsilon: config.layerNormEpsilon, tokenTypeCount: config.tokenTypes,
            paddingToken: config.padToken)
    }
}
