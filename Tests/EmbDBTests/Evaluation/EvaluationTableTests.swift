import EmbDB
import Testing

@Suite("tables of an evaluation")
struct EvaluationTableTests {
    private func predictions(_ classes: [String]) throws -> ClassifierPredictions {
        try ClassifierPredictions(
            truth: [0, 0, 1, 1, 2], probabilities: ClassifierScoresTests.byHand, classes: classes)
    }

    @Test("classes, with nothing where there is no area, and without tabs in names")
    func classes() throws {
        let scores = ClassifierScores(try predictions(["A\tb", "B\nc", "C"]))
        #expect(
            scores.table == """
                class\tcount\tprecision\trecall\tf1\tauc
                A b\t2\t0.5\t0.5\t0.5\t0.75
                B c\t2\t0.5\t0.5\t0.5\t0.75
                C\t1\t1.0\t1.0\t1.0\t1.0

                """)
        let one = try ClassifierPredictions(truth: [1], probabilities: [1, 0], classes: ["A", "B"])
        #expect(ClassifierScores(one).table.hasSuffix("\nA\t0\t0.0\t0.0\t0.0\t\nB\t1\t0.0\t0.0\t0.0\t\n"))
    }

    @Test("the confusion matrix")
    func confusion() throws {
        #expect(
            ConfusionMatrix(try predictions(["A", "B", "C"])).table
                == "true\tA\tB\tC\nA\t1\t1\t0\nB\t1\t1\t0\nC\t0\t0\t1\n")
    }

    @Test("points of curves; a fold without a curve has none, but its number")
    func points() throws {
        let one = try ClassifierPredictions(truth: [1], probabilities: [1, 0], classes: ["A", "B"])
        let two = try ClassifierPredictions(
            truth: [0, 0, 0, 1], probabilities: [0.9, 0.1, 0.9, 0.1, 0.2, 0.8, 0.5, 0.5], classes: ["A", "B"])
        #expect(
            ClassCurves.table(ClassCurves.of([one, two])) == """
                class\tfold\tfalse_positive_rate\ttrue_positive_rate\tthreshold
                B\t2\t0.0\t0.0\tinf
                B\t2\t0.3333333333333333\t0.0\t0.8
                B\t2\t0.3333333333333333\t1.0\t0.5
                B\t2\t1.0\t1.0\t0.1

                """)
    }
}
