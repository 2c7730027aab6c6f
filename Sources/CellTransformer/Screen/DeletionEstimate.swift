package import Numerics

/// What ``DeletionScreen`` says of one cell.
package struct DeletionEstimate: Sendable {
    /// cos(perturbed, direction) for the deletion of every gene: [directions][genes].
    package let cosines: [[Double]]
    /// The embeddings that the deletions leave, but for what the lost keys do: [genes, h].
    package let embeddings: Matrix
}
