import EmbDB
import Foundation
import Testing

/// Predictions with what scikit-learn measures of them: `Tools/make_evaluation_fixtures.py` writes the file.
struct EvaluationFixture: Decodable, Sendable, CustomTestStringConvertible {
    struct Curve: Decodable, Sendable {
        let falsePositiveRates: [Double]
        let truePositiveRates: [Double]
        /// Without the first one, which is infinite.
        let thresholds: [Float]
        let auc: Double
        let grid: [Double]
        let interpolated: [Double]
    }

    struct Bins: Decodable, Sendable {
        let counts: [Int]
        let confidences: [Double?]
        let accuracies: [Double?]
        let expectedError: Double
        let maximumError: Double
    }

    let name: String
    let classes: [String]
    let truth: [Int]
    /// In steps of 1/32.
    let probabilities: [Int]
    let accuracy: Double
    let macroF1: Double
    let auc: Double?
    let logLoss: Double
    let brierScore: Double
    let confusion: [[Int]]
    let counts: [Int]
    let precision: [Double]
    let recall: [Double]
    let f1: [Double]
    let curves: [Curve?]
    let calibration: Bins

    var testDescription: String { name }

    func predictions() throws -> ClassifierPredictions {
        try ClassifierPredictions(
            truth: truth, probabilities: probabilities.map { Float($0) / 32 }, classes: classes)
    }

    /// Empty if the file cannot be read: `ClassifierScoresTests` expects some.
    static let all: [EvaluationFixture] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/classifier_scores.json")
        return (try? JSONDecoder().decode([EvaluationFixture].self, from: Data(contentsOf: path))) ?? []
    }()
}

/// Whether two numbers are the same but for rounding, or both missing.
func near(_ a: Double?, _ b: Double?, _ tolerance: Double = 1e-12) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return (a - b).magnitude <= tolerance
}
