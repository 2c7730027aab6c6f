/// How far two embeddings are from each other.
public enum EmbeddingMetric: String, Sendable, CaseIterable {
    /// 1 − cosine of the angle between them.
    case cosine
    /// Euclidean distance, not squared.
    case l2
    /// Minus their inner product.
    case ip
}
