/// How far two vectors are from each other. The answer to a query holds distances in these units.
package enum Metric: String, Sendable, Codable, CaseIterable {
    /// 1 − cosine similarity, 0…2. A zero vector has similarity 0 to everything, so distance 1.
    case cosine
    /// Euclidean distance, not squared.
    case l2
    /// −inner product: the largest product is the nearest.
    case ip
}
