/// The layer whose hidden states are pooled.
public enum EmbeddingLayer: String, Codable, Sendable, CaseIterable {
    /// After the last layer (Geneformer's emb_layer 0).
    case last
    /// After the one before (emb_layer −1), which generalises better; the default.
    case secondToLast = "second-to-last"
}
