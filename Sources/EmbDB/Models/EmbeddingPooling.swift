/// How one vector is made from the hidden states of a cell.
public enum EmbeddingPooling: String, Codable, Sendable, CaseIterable {
    /// The hidden state of `<cls>`; V2's way.
    case cls
    /// The mean over the genes, without special tokens; V1's way.
    case mean
}
