internal import CellTransformer
internal import Tokenizers

/// All that a model folder holds, as an ingest would find it.
public struct ModelDescription: Sendable {
    /// What the database would say of it, its SHA-256 included.
    public let summary: ModelSummary
    /// Width between the two linear layers of a feed-forward block.
    public let feedForwardSize: Int
    /// "relu" or "gelu".
    public let activation: String
    /// Genes that the vocabulary knows.
    public let genes: Int
    /// Numbers in the weights.
    public let parameters: Int
    /// What stands on the encoder: "masked genes" (a pretrained model), "cell classifier", "gene classifier"; nil for the
    /// encoder alone.
    public let head: String?
    /// A classifier's labels in order, as config.json names them.
    public let labels: [String]
    /// What was read: configuration, weights, dictionaries; empty for the model inside the program.
    public let files: [String]
    /// Tensors that were read.
    public let tensors: Int
    /// Names of tensors that the model has no use for.
    public let unusedTensors: [String]

    /// Reads the folder `path`, or the model inside the program for "default", as ``Database/ingest(_:options:control:)``
    /// does. O(bytes of the weights).
    ///
    /// - Throws: ``EmbDBError/Code/model`` that names the file and what is wrong with it.
    public static func read(
        _ path: String, dictionaries: String? = nil, control: Control = Control()
    ) throws(EmbDBError) -> ModelDescription {
        let folder = try ModelFolder.read(path, dictionaries: dictionaries, warning: control.warning)
        let (weights, configuration) = (folder.model.weights, folder.model.configuration)
        let layout = weights.layout
        // A classifier of cells reads the pooled first position, one of genes every position.
        let head =
            layout.classifier != nil
            ? (layout.pooler != nil ? "cell classifier" : "gene classifier") : layout.head != nil ? "masked genes" : nil
        return ModelDescription(
            summary: folder.model.summary, feedForwardSize: configuration.feedForwardSize,
            activation: configuration.activation.rawValue, genes: folder.model.vocabulary.geneCount,
            parameters: layout.parameterCount, head: head, labels: folder.model.labels,
            files: folder.files, tensors: weights.tensorNames.count, unusedTensors: weights.unusedTensors)
    }
}
