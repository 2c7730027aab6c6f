/// How a graph is built. The defaults are good for cell embeddings of 100 to 1,000 dimensions and up to millions of
/// rows; the names are those of Malkov and Yashunin (2018), alpha that of DiskANN (Subramanya et al. 2019).
package struct HNSWParameters: Sendable, Hashable, Codable {
    /// Links a node may have, 1…47. Few have as many: pruning leaves some 30.
    package var M = 47
    /// Length of the beam that finds a new node's candidates.
    package var efConstruction = 60
    /// How much longer than a detour a link may be before it is dropped; on 1 − cosine and on squared distances.
    package var alpha: Float = 1.2
    /// Nodes in the flat entry table; sets of less than 20 times as many rows get fewer.
    package var medoids = 512
    /// What the sample, the order of insertion and the graph depend on.
    package var seed: UInt64 = 1

    /// The defaults above.
    package init() {}
}
