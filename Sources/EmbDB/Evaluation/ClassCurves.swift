/// The ROC curves of one class against the rest, a curve for each fold.
public struct ClassCurves: Sendable {
    /// The name of the class.
    public let label: String
    /// By fold; nil where no or every example of the fold is of the class.
    public let folds: [ROCCurve?]

    /// Takes the curves of the folds.
    public init(label: String, folds: [ROCCurve?]) {
        self.label = label
        self.folds = folds
    }

    /// The curves of predictions, fold by fold, all of the same classes: of two classes that of the second one alone
    /// (the other is its mirror image), of more one for each class.
    public static func of(_ folds: [ClassifierPredictions]) -> [ClassCurves] {
        guard let classes = folds.first?.classes else { return [] }
        precondition(folds.allSatisfy { $0.classes == classes }, "folds have the same classes")
        return classes.indices.filter { classes.count > 2 || $0 == 1 }.map { index in
            ClassCurves(label: classes[index], folds: folds.map { ROCCurve($0, classIndex: index) })
        }
    }

    /// The areas under the curves, each fold as heavy as another; nil if no fold has a curve.
    public var auc: FoldSummary.Statistic? { FoldSummary.Statistic(folds.compactMap { $0?.auc }) }

    /// The mean true positive rate of the folds that have a curve, at each of the false positive rates (vertical
    /// averaging: Fawcett 2006); empty if no fold has a curve.
    public func mean(at falsePositiveRates: [Double]) -> [Double] {
        let curves = folds.compactMap { $0?.interpolated(at: falsePositiveRates) }
        guard !curves.isEmpty else { return [] }
        return falsePositiveRates.indices.map { index in
            curves.reduce(0) { $0 + $1[index] } / Double(curves.count)
        }
    }
}
