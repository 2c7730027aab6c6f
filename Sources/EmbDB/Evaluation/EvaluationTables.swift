// What was measured as tables for programs: tab separated, a header, numbers in full precision, nothing where a number
// does not exist.

extension ClassifierScores {
    /// A row a class: `class`, `count`, `precision`, `recall`, `f1`, `auc`.
    public var table: String {
        TabSeparated.table(
            ["class", "count", "precision", "recall", "f1", "auc"],
            classes.map { score in
                [score.label, String(score.count)]
                    + [score.precision, score.recall, score.f1, score.auc].map { $0.map(TabSeparated.number) ?? "" }
            })
    }
}

extension ConfusionMatrix {
    /// A row a true class, a column a predicted class; the first column has the names of the true ones.
    public var table: String {
        TabSeparated.table(["true"] + classes, zip(classes, counts).map { [$0] + $1.map(String.init) })
    }
}

extension ClassCurves {
    /// A row a point: `class`, `fold` (from 1), `false_positive_rate`, `true_positive_rate`, `threshold` (`inf` at the
    /// first point of a curve).
    public static func table(_ classes: [ClassCurves]) -> String {
        var rows: [[String]] = []
        for curves in classes {
            for (fold, curve) in curves.folds.enumerated() {
                for point in curve?.points ?? [] {
                    rows.append([
                        curves.label, String(fold + 1), TabSeparated.number(point.falsePositiveRate),
                        TabSeparated.number(point.truePositiveRate), point.threshold.description,
                    ])
                }
            }
        }
        return TabSeparated.table(
            ["class", "fold", "false_positive_rate", "true_positive_rate", "threshold"], rows)
    }
}
