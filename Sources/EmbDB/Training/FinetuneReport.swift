/// What ``Training/finetune(_:from:into:options:control:)`` made.
public struct FinetuneReport: Sendable {
    /// The model, as its folder gives it.
    public internal(set) var model: ModelSummary
    /// "cell" or "gene".
    public internal(set) var task: String
    /// The classes, in the order of their numbers: by name.
    public internal(set) var classes: [String]
    /// Cells, or genes, of each class.
    public internal(set) var counts: [Int]
    /// Cells that were read for it.
    public internal(set) var cells: Int
    /// Classes that were left out as too small, with their sizes.
    public internal(set) var leftOut: [String: Int]
    /// How the tested cells, or genes, of each part of the cross-validation were told apart by a model that had not learned
    /// from them.
    public internal(set) var folds: [ClassifierScores]
    /// All of them together.
    public internal(set) var summary: FoldSummary
    /// How far its probabilities can be trusted, all parts pooled.
    public internal(set) var calibration: Calibration
    /// Passes over the cells that each model learned from, until its loss was lowest.
    public internal(set) var epochs: [Int]
    /// Wall time.
    public internal(set) var seconds: Double
}
