/// What was told apart in one part of a cross-validation, or by `model evaluate`.
struct TestedFold {
    /// Numbers of the cells or genes.
    let things: [Int]
    let predictions: ClassifierPredictions

    /// All folds as one; nil without a fold.
    static func pooled(_ folds: [TestedFold]) throws(EmbDBError) -> ClassifierPredictions? {
        guard let classes = folds.first?.predictions.classes else { return nil }
        return try ClassifierPredictions(
            truth: folds.flatMap(\.predictions.truth), probabilities: folds.flatMap(\.predictions.probabilities),
            classes: classes)
    }
}
