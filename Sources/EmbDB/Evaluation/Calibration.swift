/// Whether a classifier that says 0.9 is right nine times of ten: reliability bins and calibration errors (Guo, Pleiss,
/// Sun and Weinberger, "On calibration of modern neural networks", 2017).
///
/// The confidence of an example is the probability of its predicted class.
public struct Calibration: Sendable {
    /// Examples of like confidence.
    public struct Bin: Sendable, Equatable {
        /// Confidences of the bin: above `lower`, up to and with `upper`.
        public let lower: Double
        /// The highest confidence of the bin.
        public let upper: Double
        /// Number of examples.
        public let count: Int
        /// Their mean confidence, 0…1; nil without an example.
        public let meanConfidence: Double?
        /// The share of them that were taken for what they are, 0…1; nil without an example.
        public let accuracy: Double?

        /// |accuracy − mean confidence|; nil without an example.
        public var gap: Double? {
            guard let meanConfidence, let accuracy else { return nil }
            return (accuracy - meanConfidence).magnitude
        }
    }

    /// From confidence 0 to 1, equally wide.
    public let bins: [Bin]
    /// The mean gap of the bins, each as heavy as it has examples (ECE), 0…1.
    public let expectedError: Double
    /// The largest gap of a bin (MCE), 0…1. A bin of few examples can have it: see ``Bin/count``.
    public let maximumError: Double

    /// Measures predictions in `binCount` bins, 1 or more. O(*n* · `binCount`).
    public init(_ predictions: ClassifierPredictions, binCount: Int = 10) {
        precondition(binCount >= 1, "there is a bin or more")
        // Compared as Float, so that a confidence of 0.3 is in the bin that ends at 0.3.
        let edges = (1...binCount).map { Float($0) / Float(binCount) }
        var counts = Array(repeating: 0, count: binCount)
        var right = counts
        var confidences = Array(repeating: 0.0, count: binCount)
        for (example, predicted) in predictions.predicted.enumerated() {
            let confidence = predictions.probability(of: predicted, example: example)
            let bin = edges.firstIndex { confidence <= $0 } ?? binCount - 1
            counts[bin] += 1
            confidences[bin] += Double(confidence)
            if predicted == predictions.truth[example] { right[bin] += 1 }
        }
        bins = (0..<binCount).map { bin in
            let count = Double(counts[bin])
            return Bin(
                lower: Double(bin) / Double(binCount), upper: Double(bin + 1) / Double(binCount), count: counts[bin],
                meanConfidence: counts[bin] == 0 ? nil : confidences[bin] / count,
                accuracy: counts[bin] == 0 ? nil : Double(right[bin]) / count)
        }
        expectedError = bins.reduce(0) { $0 + ($1.gap ?? 0) * Double($1.count) } / Double(predictions.count)
        maximumError = bins.reduce(0) { max($0, $1.gap ?? 0) }
    }
}
