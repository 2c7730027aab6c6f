/// What ``Training/evaluate(_:of:options:writingTo:control:)`` found.
public struct EvaluationReport: Sendable {
    /// The classifier.
    public internal(set) var model: ModelSummary
    /// "cell" or "gene".
    public internal(set) var task: String
    /// How the cells, or genes, were told apart.
    public internal(set) var scores: ClassifierScores
    /// How far its probabilities can be trusted.
    public internal(set) var calibration: Calibration
    /// Labels that are no class of the model, with the number of their cells, or genes.
    public internal(set) var leftOut: [String: Int]
    /// Wall time.
    public internal(set) var seconds: Double
}

/// Options of ``Training/evaluate(_:of:options:writingTo:control:)``.
public struct EvaluateOptions: Sendable {
    /// Where the true classes are; of the model's kind.
    public var task: FinetuneOptions.Task
    /// Where the dictionaries lie if not in the model's folder or beside it.
    public var dictionaries: String?
    /// Which cells.
    public var corpus = CorpusOptions()
    /// Draws the sample.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// The defaults above.
    public init(_ task: FinetuneOptions.Task) { self.task = task }
}
