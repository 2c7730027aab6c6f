import EmbDB
import TestSupport
import Testing

@Suite("ROC curves")
struct ROCCurveTests {
    @Test("points, area and interpolation of scikit-learn and NumPy", arguments: EvaluationFixture.all)
    func scikitLearn(expected: EvaluationFixture) throws {
        let predictions = try expected.predictions()
        for (index, wanted) in expected.curves.enumerated() {
            guard let curve = ROCCurve(predictions, classIndex: index) else {
                #expect(wanted == nil)
                continue
            }
            let other = try #require(wanted)
            #expect(curve.points.count == other.falsePositiveRates.count)
            for (point, rates) in zip(curve.points, zip(other.falsePositiveRates, other.truePositiveRates)) {
                #expect(near(point.falsePositiveRate, rates.0) && near(point.truePositiveRate, rates.1))
            }
            #expect(curve.points[0].threshold == .infinity)
            #expect(curve.points.dropFirst().map(\.threshold) == other.thresholds)
            #expect(near(curve.auc, other.auc))
            for (a, b) in zip(curve.interpolated(at: other.grid), other.interpolated) { #expect(near(a, b)) }
        }
    }

    @Test("five examples by hand")
    func byHand() throws {
        let curve = try #require(
            ROCCurve(scores: [0.5, 0.25, 0.25, 0.375, 0], isPositive: [true, true, false, false, false]))
        #expect(curve.points.map(\.truePositiveRate) == [0, 0.5, 0.5, 1, 1])
        #expect(curve.points.map(\.falsePositiveRate) == [0, 0, 1.0 / 3, 2.0 / 3, 1])
        #expect(curve.points.map(\.threshold) == [.infinity, 0.5, 0.375, 0.25, 0])
        #expect(curve.auc == 0.75)
        let found = curve.interpolated(at: [1, 0, 1.0 / 6, 1.0 / 3, 0.5, 0.9])
        for (a, b) in zip(found, [1, 0.5, 0.5, 0.5, 0.75, 1]) { #expect(near(a, b)) }
        #expect(ROCCurve(scores: [0.5, 0.1], isPositive: [true, true]) == nil)
        #expect(ROCCurve(scores: [0.5, 0.1], isPositive: [false, false]) == nil)
    }

    @Test("the area is the share of pairs that are in order, and that of the trapezoids")
    func pairs() throws {
        var random = SplitMix64(state: 7)
        for size in [2, 3, 10, 200] {
            let positive = (0..<size).map { $0 == 0 || ($0 > 1 && random.uniform() < 0.3) }
            let scores = positive.map { Float(((random.uniform() + ($0 ? 0.2 : 0)) * 20).rounded()) / 32 }
            let curve = try #require(ROCCurve(scores: scores, isPositive: positive))
            var wins = 0.0
            var pairs = 0.0
            for a in 0..<size where positive[a] {
                for b in 0..<size where !positive[b] {
                    wins += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0
                    pairs += 1
                }
            }
            #expect(curve.auc == wins / pairs)
            let trapezoids = zip(curve.points, curve.points.dropFirst()).reduce(0.0) { sum, points in
                let (a, b) = points
                return sum + (b.falsePositiveRate - a.falsePositiveRate) * (a.truePositiveRate + b.truePositiveRate) / 2
            }
            #expect(near(curve.auc, trapezoids))
        }
    }

    @Test("curves by class and fold: of two classes the second, a fold without the class has none")
    func classCurves() throws {
        let first = try ClassifierPredictions(
            truth: [0, 1, 1, 0], probabilities: [0.75, 0.25, 0.25, 0.75, 0.5, 0.5, 0.25, 0.75], classes: ["A", "B"])
        let second = try ClassifierPredictions(truth: [0, 1], probabilities: [1, 0, 0, 1], classes: ["A", "B"])
        let none = try ClassifierPredictions(truth: [0], probabilities: [1, 0], classes: ["A", "B"])
        let curves = ClassCurves.of([first, none, second])
        #expect(curves.count == 1 && curves[0].label == "B")
        #expect(curves[0].folds.map { $0?.auc } == [0.625, nil, 1])
        let auc = try #require(curves[0].auc)
        #expect(auc.mean == 0.8125 && auc.folds == 2)
        // The first rises to 0.5 (together with one of the two others) and to 1; the second is 1 at once.
        for (a, b) in zip(curves[0].mean(at: [0, 0.25, 0.5, 1]), [0.5, 0.625, 1, 1]) { #expect(near(a, b)) }
        #expect(ClassCurves.of([none])[0].auc == nil && ClassCurves.of([none])[0].mean(at: [0.5]) == [])
        let three = try ClassifierPredictions(
            truth: [0, 1, 2], probabilities: [1, 0, 0, 0, 1, 0, 0, 0, 1], classes: ["A", "B", "C"])
        #expect(ClassCurves.of([three]).map(\.label) == ["A", "B", "C"])
    }
}
