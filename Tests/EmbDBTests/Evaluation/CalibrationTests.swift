import EmbDB
import Testing

@Suite("calibration of a classifier, and summaries over folds")
struct CalibrationTests {
    @Test("bins and errors as Guo et al. define them", arguments: EvaluationFixture.all)
    func reference(expected: EvaluationFixture) throws {
        let calibration = Calibration(try expected.predictions())
        #expect(calibration.bins.map(\.count) == expected.calibration.counts)
        for (index, bin) in calibration.bins.enumerated() {
            #expect(near(bin.meanConfidence, expected.calibration.confidences[index]))
            #expect(near(bin.accuracy, expected.calibration.accuracies[index]))
        }
        #expect(near(calibration.expectedError, expected.calibration.expectedError))
        #expect(near(calibration.maximumError, expected.calibration.maximumError))
    }

    @Test("four examples by hand")
    func byHand() throws {
        let predictions = try ClassifierPredictions(
            truth: [0, 1, 0, 0], probabilities: [0.5, 0.5, 0.75, 0.25, 0.75, 0.25, 0, 1], classes: ["A", "B"])
        let calibration = Calibration(predictions)
        #expect(calibration.bins.map(\.count) == [0, 0, 0, 0, 1, 0, 0, 2, 0, 1])
        #expect(calibration.bins.compactMap(\.accuracy) == [1, 0.5, 0])
        #expect(calibration.bins.compactMap(\.meanConfidence) == [0.5, 0.75, 1])
        #expect(calibration.expectedError == 0.5 && calibration.maximumError == 1)
        let one = Calibration(predictions, binCount: 1)
        #expect(one.bins.count == 1 && one.expectedError == 0.25 && one.maximumError == 0.25)
    }

    @Test("a confidence at a border, as Float has it, is in the bin that ends there")
    func borders() throws {
        let predictions = try ClassifierPredictions(
            truth: [0, 0, 0], probabilities: [0.3, 0.3, 0.2, 0.2, 0.7, 0.1, 0.1, 0.1, 0.6, 0.2, 0.1, 0.1],
            classes: ["A", "B", "C", "D"])
        #expect(Calibration(predictions).bins.map(\.count) == [0, 0, 1, 0, 0, 1, 1, 0, 0, 0])
    }

    /// So many right and wrong examples, right ones in turn of either class.
    private func scores(right: Int, wrong: Int) throws -> ClassifierScores {
        let truth = (0..<right + wrong).map { $0 % 2 }
        let probabilities = truth.enumerated().flatMap { index, label -> [Float] in
            (label == 0) == (index < right) ? [0.75, 0.25] : [0.25, 0.75]
        }
        return ClassifierScores(
            try ClassifierPredictions(truth: truth, probabilities: probabilities, classes: ["A", "B"]))
    }

    @Test("means and deviations weight folds alike, the pooled counts do not")
    func folds() throws {
        let folds = [try scores(right: 2, wrong: 2), try scores(right: 6, wrong: 2), try scores(right: 2, wrong: 0)]
        let summary = try #require(FoldSummary(folds))
        #expect(summary.accuracy.mean == 0.75 && summary.accuracy.standardDeviation == 0.25)
        #expect(summary.accuracy.folds == 3)
        #expect(summary.confusion.total == 14 && near(summary.confusion.accuracy, 10.0 / 14))
        // Halves of either class are right: the area of a single step is the accuracy.
        #expect(near(summary.auc?.mean, 0.75) && near(summary.auc?.standardDeviation, 0.25))
        #expect(near(summary.macroF1.mean, folds.reduce(0) { $0 + $1.macroF1 } / 3))
        #expect(FoldSummary([]) == nil)
    }

    @Test("one fold has no deviation; folds without an area are left out of its mean")
    func undefined() throws {
        let one = try #require(FoldSummary([try scores(right: 1, wrong: 0)]))
        #expect(one.accuracy.standardDeviation == nil && one.auc == nil)
        let two = try #require(FoldSummary([try scores(right: 1, wrong: 0), try scores(right: 4, wrong: 0)]))
        #expect(two.accuracy.folds == 2 && two.accuracy.standardDeviation == 0)
        #expect(two.auc == FoldSummary.Statistic([1]))
    }
}
