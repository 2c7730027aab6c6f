/// What ``Training/pretrain(_:into:options:control:)`` made.
public struct PretrainReport: Sendable {
    /// The model, as its folder gives it.
    public internal(set) var model: ModelSummary
    /// Genes of its vocabulary.
    public internal(set) var genes: Int
    /// Cells that it learned from.
    public internal(set) var cells: Int
    /// Cells that were held out.
    public internal(set) var heldOutCells: Int
    /// Cells that were left out because no gene of theirs is known.
    public internal(set) var cellsWithoutKnownGene: Int
    /// Updates of the parameters.
    public internal(set) var steps: Int
    /// Passes over all cells.
    public internal(set) var epochs: Double
    /// Mean loss of the last ten steps or fewer, in nats; nil if there was none in this call.
    public internal(set) var loss: Double?
    /// Mean cross entropy of held-out cells' hidden genes, in nats; nil without held-out cells.
    public internal(set) var heldOutLoss: Double?
    /// The share of these genes that had the largest logit.
    public internal(set) var heldOutAccuracy: Double?
    /// Wall time of this call.
    public internal(set) var seconds: Double
    /// Cells learned from in a second, in this call, reading and evaluation left out; nil if there was no step.
    public internal(set) var cellsPerSecond: Double?
    /// Whether a training that had been stopped was taken up again.
    public internal(set) var wasResumed: Bool
    /// Whether the same training had been completed before, so that nothing was done.
    public internal(set) var wasComplete: Bool
}
