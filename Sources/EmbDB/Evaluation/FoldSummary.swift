/// How good a classifier is over the folds of a cross-validation.
///
/// Each fold is as heavy as another. (Geneformer weights a fold's AUC by the number of points of its ROC curve, which
/// grows with the number of distinct probabilities; so its AUC of several folds is another number than this one.)
public struct FoldSummary: Sendable {
    /// Mean and spread of a number that every fold has.
    public struct Statistic: Sendable, Equatable {
        /// The arithmetic mean over the folds.
        public let mean: Double
        /// The standard deviation of the folds (n − 1 below the sum of squares); nil for one fold.
        public let standardDeviation: Double?
        /// Number of folds that have the number.
        public let folds: Int

        /// Of a number for each fold; nil without any.
        public init?(_ values: [Double]) {
            guard !values.isEmpty else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            self.mean = mean
            standardDeviation = values.count == 1 ? nil : (squares / Double(values.count - 1)).squareRoot()
            folds = values.count
        }
    }

    /// Of ``ClassifierScores/accuracy``.
    public let accuracy: Statistic
    /// Of ``ClassifierScores/macroF1``.
    public let macroF1: Statistic
    /// Of ``ClassifierScores/auc``, over the folds that have one; nil if none has.
    public let auc: Statistic?
    /// The counts of all folds together. What is computed from it weights folds by their examples: its accuracy is not
    /// the mean of ``accuracy`` where folds differ in size.
    public let confusion: ConfusionMatrix

    /// Sums up folds of the same classes; nil without a fold.
    public init?(_ folds: [ClassifierScores]) {
        guard let accuracy = Statistic(folds.map(\.accuracy)), let macroF1 = Statistic(folds.map(\.macroF1)) else {
            return nil
        }
        var confusion = folds[0].confusion
        for fold in folds.dropFirst() { confusion.add(fold.confusion) }
        self.accuracy = accuracy
        self.macroF1 = macroF1
        auc = Statistic(folds.compactMap(\.auc))
        self.confusion = confusion
    }
}
