import EmbDB
import Testing

@Suite("scores of a classifier, by hand and as scikit-learn has them")
struct ClassifierScoresTests {
    @Test("the fixture has its cases")
    func fixture() {
        #expect(EvaluationFixture.all.count == 7)
        #expect(EvaluationFixture.all.contains { $0.classes.count == 2 && $0.auc != nil })
        #expect(EvaluationFixture.all.contains { $0.classes.count == 4 && $0.auc != nil })
        #expect(EvaluationFixture.all.contains { $0.auc == nil })
    }

    @Test("every number of scikit-learn", arguments: EvaluationFixture.all)
    func scikitLearn(expected: EvaluationFixture) throws {
        let scores = ClassifierScores(try expected.predictions())
        #expect(scores.count == expected.truth.count)
        #expect(near(scores.accuracy, expected.accuracy))
        #expect(near(scores.macroF1, expected.macroF1))
        #expect(near(scores.auc, expected.auc))
        // scikit-learn takes the logarithms as float32.
        #expect(near(scores.logLoss, expected.logLoss, 1e-6))
        #expect(near(scores.brierScore, expected.brierScore))
        #expect(scores.confusion.counts == expected.confusion)
        #expect(scores.classes.map(\.label) == expected.classes && scores.classes.map(\.count) == expected.counts)
        for (index, score) in scores.classes.enumerated() {
            #expect(near(score.precision, expected.precision[index]) && near(score.recall, expected.recall[index]))
            #expect(near(score.f1, expected.f1[index]) && near(score.auc, expected.curves[index]?.auc))
        }
    }

    /// Example 3 is a tie of the first two classes; 4 is certain and right.
    static let byHand: [Float] = [
        0.5, 0.25, 0.25,
        0.25, 0.5, 0.25,
        0.25, 0.5, 0.25,
        0.375, 0.375, 0.25,
        0, 0, 1,
    ]

    @Test("five examples by hand: the first of equally probable classes is predicted")
    func fiveExamples() throws {
        let predictions = try ClassifierPredictions(
            truth: [0, 0, 1, 1, 2], probabilities: Self.byHand, classes: ["A", "B", "C"])
        #expect(predictions.predicted == [0, 1, 1, 0, 2])
        let scores = ClassifierScores(predictions)
        #expect(scores.confusion.counts == [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
        #expect(scores.accuracy == 0.6 && near(scores.macroF1, 2.0 / 3))
        #expect(scores.classes.map(\.f1) == [0.5, 0.5, 1])
        // A: 0.5 and 0.25 against 0.25, 0.375 and 0 win 3 and 1.5 of 3 pairs each; B likewise.
        #expect(scores.classes.map(\.auc) == [0.75, 0.75, 1] && near(scores.auc, 2.5 / 3))
        #expect(scores.brierScore == 2.21875 / 5)
        // −(ln 0.5 + ln 0.25 + ln 0.5 + ln 0.375) / 5; a certain example that is right costs 1.2e-7.
        #expect(near(scores.logLoss, 0.7506835950503015, 1e-7))
    }

    @Test("a certain example that is wrong costs what is left of a Float, not infinity")
    func certainAndWrong() throws {
        let predictions = try ClassifierPredictions(truth: [1], probabilities: [1, 0], classes: ["A", "B"])
        let scores = ClassifierScores(predictions)
        // −ln 2⁻²³
        #expect(near(scores.logLoss, 15.942385152878742, 1e-9))
        #expect(scores.brierScore == 2 && scores.auc == nil && scores.macroF1 == 0)
    }

    @Test(
        "what is no probability is an error that names the example",
        arguments: [[.nan, 0.5], [.infinity, 0], [-0.5, 1.5], [0.5, 0.25], [0.75, 0.75]] as [[Float]])
    func noProbabilities(row: [Float]) {
        let error = #expect(throws: EmbDBError.self) {
            _ = try ClassifierPredictions(truth: [0, 1], probabilities: [0.25, 0.75] + row, classes: ["A", "B"])
        }
        #expect(error?.code == .model && error?.message.contains("example 1") == true)
    }

    @Test("no examples are an error; probabilities that are rounded are not")
    func border() throws {
        let error = #expect(throws: EmbDBError.self) {
            _ = try ClassifierPredictions(truth: [], probabilities: [], classes: ["A", "B"])
        }
        #expect(error?.code == .nothingFound)
        _ = try ClassifierPredictions(truth: [0], probabilities: [0.3333, 0.3333, 0.3333], classes: ["A", "B", "C"])
    }

    @Test("counts of folds add up")
    func adding() {
        var matrix = ConfusionMatrix(classes: ["A", "B"], counts: [[3, 1], [0, 2]])
        matrix.add(ConfusionMatrix(classes: ["A", "B"], counts: [[1, 0], [4, 0]]))
        #expect(matrix.counts == [[4, 1], [4, 2]] && matrix.total == 11)
        #expect(matrix.trueCount(of: 1) == 6 && matrix.predictedCount(of: 1) == 3)
        #expect(near(matrix.accuracy, 6.0 / 11) && near(matrix.precision(of: 1), 2.0 / 3))
        #expect(near(matrix.recall(of: 1), 2.0 / 6) && near(matrix.f1(of: 1), 4.0 / 9))
    }
}
