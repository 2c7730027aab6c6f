internal import Numerics

/// How good a classifier is, by the measures that scikit-learn has under the same names.
public struct ClassifierScores: Sendable {
    /// How well one class is told from the rest.
    public struct ClassScore: Sendable {
        /// The name of the class.
        public let label: String
        /// Number of examples of the class.
        public let count: Int
        /// The share of the class among those that were taken for it, 0…1; 0 if there are none.
        public let precision: Double
        /// The share of the class that was taken for it, 0…1; 0 if there is no example of it.
        public let recall: Double
        /// The harmonic mean of precision and recall, 0…1; 0 where both are.
        public let f1: Double
        /// The area under ``ROCCurve`` of the class against the rest, 0…1; nil if no or every example is of the class.
        public let auc: Double?
    }

    /// Number of examples, n.
    public let count: Int
    /// The share of examples that were taken for what they are, 0…1.
    public let accuracy: Double
    /// The mean F1 of the classes that are or were predicted, each as heavy as another, 0…1.
    public let macroF1: Double
    /// The area under the ROC curve, 0…1: of two classes, that of the second one's probability; of more, the mean of the
    /// classes' areas, each class against the rest and as heavy as another (`roc_auc_score(multi_class="ovr")`). nil if
    /// any class has no example, or all.
    public let auc: Double?
    /// The mean of −ln p over the examples, p the probability of the true class, from 0. p is kept within ε…1 − ε, ε the
    /// step of `Float` at 1 (1.2e-7), as scikit-learn does it with float32.
    public let logLoss: Double
    /// Brier's score (1950): the mean over the examples of Σ (p − y)² over all classes, y 1 for the true class and 0 for
    /// the rest; 0…2. `brier_score_loss(scale_by_half=False)`: of two classes that is twice the score of the second
    /// one's probability alone.
    public let brierScore: Double
    /// One for each class, in the order of the classes.
    public let classes: [ClassScore]
    /// Number of examples by true and by predicted class.
    public let confusion: ConfusionMatrix

    /// Measures predictions. O(*n* *k* log *n*).
    public init(_ predictions: ClassifierPredictions) {
        let confusion = ConfusionMatrix(predictions)
        let classes = predictions.classes.enumerated().map { index, label in
            ClassScore(
                label: label, count: confusion.trueCount(of: index), precision: confusion.precision(of: index),
                recall: confusion.recall(of: index), f1: confusion.f1(of: index),
                auc: ROCCurve(predictions, classIndex: index)?.auc)
        }
        count = predictions.count
        accuracy = confusion.accuracy
        macroF1 = confusion.macroF1
        let areas = classes.compactMap(\.auc)
        if areas.count < classes.count {
            auc = nil
        } else {
            auc = areas.count == 2 ? areas[1] : areas.reduce(0, +) / Double(areas.count)
        }
        logLoss = Self.logLoss(predictions)
        brierScore = Self.brierScore(predictions)
        self.classes = classes
        self.confusion = confusion
    }

    private static func logLoss(_ predictions: ClassifierPredictions) -> Double {
        let step = Float.ulpOfOne
        let sum = predictions.truth.enumerated().reduce(0.0) { sum, item in
            let probability = predictions.probability(of: item.element, example: item.offset)
            return sum - logarithm(Double(min(max(probability, step), 1 - step)))
        }
        return sum / Double(predictions.count)
    }

    private static func brierScore(_ predictions: ClassifierPredictions) -> Double {
        var sum = 0.0
        for (example, truth) in predictions.truth.enumerated() {
            for index in predictions.classes.indices {
                let miss =
                    Double(predictions.probability(of: index, example: example)) - (index == truth ? 1 : 0)
                sum += miss * miss
            }
        }
        return sum / Double(predictions.count)
    }
}
