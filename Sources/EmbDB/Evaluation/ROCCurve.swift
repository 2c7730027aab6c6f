/// The receiver operating characteristic of one class against the rest: which share of the class is found (true positive
/// rate) for which share of the others that is taken for it (false positive rate), as the threshold sinks (Fawcett,
/// "An introduction to ROC analysis", 2006).
public struct ROCCurve: Sendable {
    /// What a threshold gives.
    public struct Point: Sendable, Equatable {
        /// The share of the other classes whose probability reaches the threshold, 0…1.
        public let falsePositiveRate: Double
        /// The share of the class whose probability reaches the threshold, 0…1.
        public let truePositiveRate: Double
        /// The lowest probability that counts as positive; infinite at the first point.
        public let threshold: Float
    }

    /// From (0, 0) to (1, 1), one point for each distinct probability: `roc_curve(drop_intermediate=False)` of
    /// scikit-learn.
    public let points: [Point]
    /// The area under the curve by trapezoids, 0…1. It is the share of pairs of a positive and a negative example in
    /// which the positive one has the greater probability, ties half (Hanley and McNeil 1982); counted in whole numbers.
    public let auc: Double

    /// The curve of one class against the rest; nil where no or every example is of the class.
    public init?(_ predictions: ClassifierPredictions, classIndex: Int) {
        self.init(
            scores: (0..<predictions.count).map { predictions.probability(of: classIndex, example: $0) },
            isPositive: predictions.truth.map { $0 == classIndex })
    }

    /// The curve of any scores, none of them NaN; nil where no or every example is positive.
    ///
    /// - Complexity: O(*n* log *n*).
    package init?(scores: [Float], isPositive: [Bool]) {
        precondition(scores.count == isPositive.count && !scores.contains(where: \.isNaN), "a score for each example")
        let positives = isPositive.count { $0 }
        let negatives = isPositive.count - positives
        guard positives > 0, negatives > 0 else { return nil }
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var points = [Point(falsePositiveRate: 0, truePositiveRate: 0, threshold: .infinity)]
        var found = 0
        var mistaken = 0
        // Pairs that the positive example wins, twice, so that a tie is one.
        var wins = 0
        var next = 0
        while next < order.count {
            let threshold = scores[order[next]]
            let (foundBefore, mistakenBefore) = (found, mistaken)
            while next < order.count, scores[order[next]] == threshold {
                if isPositive[order[next]] { found += 1 } else { mistaken += 1 }
                next += 1
            }
            wins += (found - foundBefore) * (2 * (negatives - mistaken) + mistaken - mistakenBefore)
            points.append(
                Point(
                    falsePositiveRate: Double(mistaken) / Double(negatives),
                    truePositiveRate: Double(found) / Double(positives), threshold: threshold))
        }
        self.points = points
        auc = Double(wins) / Double(2 * positives * negatives)
    }

    /// The true positive rate at false positive rates of 0…1, by straight lines between points; the upper end where the
    /// curve rises. As NumPy's `interp` has it, and so at 0 the share of the class that is found without any mistake.
    ///
    /// - Complexity: O(log *n*) each.
    public func interpolated(at falsePositiveRates: [Double]) -> [Double] {
        falsePositiveRates.map { rate in
            precondition((0...1).contains(rate), "a rate is in 0...1")
            // The first point beyond the rate; the one before it is the last that is not beyond.
            var low = 1
            var high = points.count
            while low < high {
                let middle = (low + high) / 2
                if points[middle].falsePositiveRate > rate { high = middle } else { low = middle + 1 }
            }
            let before = points[low - 1]
            guard low < points.count else { return before.truePositiveRate }
            let part =
                (rate - before.falsePositiveRate) / (points[low].falsePositiveRate - before.falsePositiveRate)
            return before.truePositiveRate + part * (points[low].truePositiveRate - before.truePositiveRate)
        }
    }
}
