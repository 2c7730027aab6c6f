/// How many examples of each class were taken for each class, and what follows from these counts alone.
public struct ConfusionMatrix: Sendable, Equatable {
    /// The names of the k classes.
    public let classes: [String]
    /// Number of examples, by true class and by predicted class. Shape [k][k].
    public private(set) var counts: [[Int]]

    /// Takes counts [true][predicted]; there must be k rows of k.
    public init(classes: [String], counts: [[Int]]) {
        precondition(
            counts.count == classes.count && counts.allSatisfy { $0.count == classes.count },
            "a confusion matrix has a row and a column for each class")
        self.classes = classes
        self.counts = counts
    }

    /// Counts predictions. O(*n* + *k*²).
    public init(_ predictions: ClassifierPredictions) {
        let k = predictions.classes.count
        classes = predictions.classes
        counts = Array(repeating: Array(repeating: 0, count: k), count: k)
        for (truth, predicted) in zip(predictions.truth, predictions.predicted) { counts[truth][predicted] += 1 }
    }

    /// Adds the counts of a matrix of the same classes, as of another fold.
    public mutating func add(_ other: ConfusionMatrix) {
        precondition(classes == other.classes, "counts of the same classes can be added")
        for row in counts.indices {
            for column in counts.indices { counts[row][column] += other.counts[row][column] }
        }
    }

    /// Number of all examples.
    public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }
    /// Number of examples that are of the class.
    public func trueCount(of classIndex: Int) -> Int { counts[classIndex].reduce(0, +) }
    /// Number of examples that were taken for the class.
    public func predictedCount(of classIndex: Int) -> Int { counts.reduce(0) { $0 + $1[classIndex] } }

    /// The share of examples that were taken for what they are, 0…1; 0 without an example.
    public var accuracy: Double { Self.share(counts.indices.reduce(0) { $0 + counts[$1][$1] }, of: total) }

    /// The share of the class among those that were taken for it, 0…1; 0 if there are none.
    public func precision(of classIndex: Int) -> Double {
        Self.share(counts[classIndex][classIndex], of: predictedCount(of: classIndex))
    }

    /// The share of the class that was taken for it, 0…1; 0 if there is no example of it.
    public func recall(of classIndex: Int) -> Double {
        Self.share(counts[classIndex][classIndex], of: trueCount(of: classIndex))
    }

    /// The harmonic mean of precision and recall, 0…1; 0 for a class that neither is nor was predicted.
    public func f1(of classIndex: Int) -> Double {
        Self.share(2 * counts[classIndex][classIndex], of: trueCount(of: classIndex) + predictedCount(of: classIndex))
    }

    /// The mean F1 of the classes that are or were predicted, each as heavy as another, 0…1:
    /// `f1_score(average="macro", zero_division=0)` of scikit-learn, which does not see the other classes either.
    public var macroF1: Double {
        let seen = counts.indices.filter { trueCount(of: $0) + predictedCount(of: $0) > 0 }
        return seen.isEmpty ? 0 : seen.reduce(0) { $0 + f1(of: $1) } / Double(seen.count)
    }

    private static func share(_ part: Int, of whole: Int) -> Double {
        whole == 0 ? 0 : Double(part) / Double(whole)
    }
}
