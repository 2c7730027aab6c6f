internal import EmbDB

/// How the test of a classifier is shown.
enum EvaluationOutput {
    /// Keys `accuracy`, `macro_f1`, `auc` (each with mean and standard deviation over folds), `per_class`,
    /// `confusion_matrix` (rows: true class), `calibration` and `folds`.
    static func json(
        _ folds: [ClassifierScores], _ summary: FoldSummary, _ calibration: Calibration
    ) -> [(String, JSON)] {
        let confusion = summary.confusion
        return [
            ("tested", .integer(confusion.total)), ("accuracy", json(summary.accuracy)),
            ("macro_f1", json(summary.macroF1)), ("auc", summary.auc.map(json) ?? .null),
            (
                "per_class",
                .array(
                    confusion.classes.indices.map { index in
                        .object([
                            ("class", .string(confusion.classes[index])),
                            ("count", .integer(confusion.trueCount(of: index))),
                            ("precision", .number(confusion.precision(of: index))),
                            ("recall", .number(confusion.recall(of: index))), ("f1", .number(confusion.f1(of: index))),
                        ])
                    })
            ),
            ("confusion_matrix", .array(confusion.counts.map { .array($0.map(JSON.integer)) })),
            ("calibration", json(calibration)),
            (
                "folds",
                .array(
                    folds.map {
                        .object([
                            ("tested", .integer($0.count)), ("accuracy", .number($0.accuracy)),
                            ("macro_f1", .number($0.macroF1)), ("auc", JSON($0.auc)), ("log_loss", .number($0.logLoss)),
                            ("brier_score", .number($0.brierScore)),
                        ])
                    })
            ),
        ]
    }

    private static func json(_ statistic: FoldSummary.Statistic) -> JSON {
        .object([("mean", .number(statistic.mean)), ("sd", JSON(statistic.standardDeviation))])
    }

    private static func json(_ calibration: Calibration) -> JSON {
        .object([
            ("expected_error", .number(calibration.expectedError)),
            ("maximum_error", .number(calibration.maximumError)),
            (
                "bins",
                .array(
                    calibration.bins.map {
                        .object([
                            ("lower", .number($0.lower)), ("upper", .number($0.upper)), ("count", .integer($0.count)),
                            ("mean_confidence", JSON($0.meanConfidence)), ("accuracy", JSON($0.accuracy)),
                        ])
                    })
            ),
        ])
    }

    static func table(
        _ folds: [ClassifierScores], _ summary: FoldSummary, _ calibration: Calibration
    ) -> TextTable {
        var table = TextTable.facts()
        func text(_ statistic: FoldSummary.Statistic) -> String {
            decimal(statistic.mean, 3) + (statistic.standardDeviation.map { " ± " + decimal($0, 3) } ?? "")
        }
        table.add("tested", .integer(summary.confusion.total))
        table.add("accuracy", text(summary.accuracy))
        table.add("macro F1", text(summary.macroF1))
        if let auc = summary.auc { table.add("area under the ROC curve", text(auc)) }
        table.add("expected calibration error", decimal(calibration.expectedError, 3))
        let confusion = summary.confusion
        for index in confusion.classes.indices {
            table.add(
                confusion.classes[index],
                "\(grouped(confusion.trueCount(of: index))), F1 \(decimal(confusion.f1(of: index), 3)), recall "
                    + "\(decimal(confusion.recall(of: index), 3)), precision \(decimal(confusion.precision(of: index), 3))"
            )
        }
        return table
    }
}
