/// What a classifier says about n examples (cells, or genes) whose classes are known: the one input of everything that
/// is measured here. Its numbers are checked once, so that what is computed from them cannot be NaN.
public struct ClassifierPredictions: Sendable {
    /// The names of the k classes.
    public let classes: [String]
    /// The true class of every example, an index of ``classes``. Shape [n].
    public let truth: [Int]
    /// The probability of every class, by example. Row-major, shape [n, k].
    public let probabilities: [Float]
    /// The most probable class of every example, the first of equally probable ones. Shape [n].
    public let predicted: [Int]

    /// Checks the numbers and finds the most probable classes.
    ///
    /// That there are two classes or more, n × k probabilities, and no true class outside of 0..<k, is for the caller
    /// to see to (a precondition). The probabilities themselves may come from a training that diverged: that is an error.
    ///
    /// - Throws: ``EmbDBError/Code/nothingFound`` without an example; ``EmbDBError/Code/model`` where the numbers of an
    ///   example are not probabilities: NaN, infinite, outside of 0…1, or with a sum that is not 1 (± 0.001).
    /// - Complexity: O(*n* *k*).
    public init(truth: [Int], probabilities: [Float], classes: [String]) throws(EmbDBError) {
        let k = classes.count
        precondition(k >= 2, "a classifier has two classes or more")
        precondition(probabilities.count == truth.count * k, "every example has a probability for every class")
        precondition(truth.allSatisfy { (0..<k).contains($0) }, "a true class is one of the classes")
        guard !truth.isEmpty else {
            throw EmbDBError(.nothingFound, "there is no example to test the classifier with: keep some cells for that")
        }
        var predicted: [Int] = []
        predicted.reserveCapacity(truth.count)
        for example in truth.indices {
            let row = probabilities[example * k..<(example + 1) * k]
            // NaN is in no range.
            guard row.allSatisfy({ (0...1).contains($0) }), (row.reduce(0, +) - 1).magnitude <= 0.001 else {
                throw EmbDBError(
                    .model,
                    "what the classifier gives for example \(example) are not probabilities "
                        + "(\(row.prefix(4).map(\.description).joined(separator: ", "))\(k > 4 ? ", …" : "")): "
                        + "its training may have diverged, train with a lower learning rate")
            }
            var best = row.startIndex
            for index in row.indices where row[index] > row[best] { best = index }
            predicted.append(best - row.startIndex)
        }
        self.classes = classes
        self.truth = truth
        self.probabilities = probabilities
        self.predicted = predicted
    }

    /// Number of examples, n.
    public var count: Int { truth.count }

    /// The probability that `example` is of the class, 0…1.
    public func probability(of classIndex: Int, example: Int) -> Float {
        probabilities[example * classes.count + classIndex]
    }
}
