/// What ``Database/ingest(_:options:control:)`` or ``Database/importEmbeddings(_:options:control:)`` did.
public struct IngestReport: Sendable {
    /// Cells that were added.
    public internal(set) var cellsAdded: Int
    /// Cells that were left out, by reason.
    public internal(set) var cellsSkipped: [String: Int]
    /// Genes of the last file that the vocabulary knows; 0 for an import.
    public internal(set) var genesMatched: Int
    /// All genes of the last file; 0 for an import.
    public internal(set) var genesTotal: Int
    /// Cells with more known genes than the model takes.
    public internal(set) var truncatedCells: Int
    /// Where the counts were read: "X", "layers/counts", "raw/X"; "obsm/KEY" for an import.
    public internal(set) var layer: String
    /// The var column that named the genes; "index" for the index, empty for an import.
    public internal(set) var geneColumn: String
    /// Wall time.
    public internal(set) var seconds: Double
    /// What the database holds now.
    public internal(set) var database: DatabaseSummary
    /// Whether the same ingest had been completed before, so that nothing was done.
    public internal(set) var wasComplete: Bool
    /// Whether an interrupted ingest was taken up again.
    public internal(set) var wasResumed: Bool
}

/// A database in a few words.
public struct DatabaseSummary: Sendable {
    /// Cells that answers can name.
    public let cells: Int
    /// Length of an embedding; nil while there is none.
    public let dimension: Int?
    /// The model inside the file; nil while there is none.
    public let model: ModelSummary?
}

/// A model in a few words.
public struct ModelSummary: Sendable {
    /// The folder's name, or "default".
    public let name: String
    /// Of configuration, vocabulary and weights.
    public let sha256: String
    /// Whether its weights were only drawn from a seed.
    public let isUntrained: Bool
    /// "Geneformer V1" or "Geneformer V2", by the vocabulary's special tokens.
    public let kind: String
    /// Transformer layers.
    public let layers: Int
    /// Width of the hidden states.
    public let hiddenSize: Int
    /// Attention heads of a layer.
    public let heads: Int
    /// Tokens of the vocabulary, special ones included.
    public let vocabularySize: Int
    /// The longest input, in tokens, special ones included.
    public let maximumLength: Int
    /// Numbers that training learns, the masked-gene head included.
    public let parameters: Int
}
