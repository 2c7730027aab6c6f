internal import Foundation

/// The tables and figures of an evaluation.
struct EvaluationFiles {
    private let folds: [TestedFold]
    private let names: [String]
    private let what: String

    /// - Parameters:
    ///   - names: of the things, by number.
    ///   - what: "cell" or "gene".
    init(_ folds: [TestedFold], names: [String], what: String) {
        self.folds = folds
        self.names = names
        self.what = what
    }

    /// Calls `write` with name and text of every file.
    func write(_ write: (String, String) throws -> Void) throws {
        guard let all = try TestedFold.pooled(folds) else { return }
        let scores = ClassifierScores(all)
        let curves = ClassCurves.of(folds.map(\.predictions))
        let title = "\(all.count) \(what)s" + (folds.count > 1 ? ", \(folds.count) folds" : "")
        try write("predictions.tsv", predictions)
        try write("classes.tsv", scores.table)
        try write("confusion_matrix.tsv", scores.confusion.table)
        try write("confusion_matrix.svg", ConfusionMatrixFigure(scores.confusion, title: title).svg)
        try write("roc.tsv", ClassCurves.table(curves))
        try write("roc.svg", ROCFigure(curves, title: title).svg)
        try write("calibration.svg", CalibrationFigure(Calibration(all), title: title).svg)
    }

    private var predictions: String {
        guard let classes = folds.first?.predictions.classes else { return "" }
        var text = TabSeparated.row(
            [what, "fold", "class", "prediction"] + classes.map { "probability_" + $0 })
        for (number, fold) in folds.enumerated() {
            let found = fold.predictions
            for (row, thing) in fold.things.enumerated() {
                let probabilities = classes.indices.map {
                    String(format: "%.6f", found.probability(of: $0, example: row))
                }
                text += TabSeparated.row(
                    [names[thing], String(number + 1), classes[found.truth[row]], classes[found.predicted[row]]]
                        + probabilities)
            }
        }
        return text
    }
}
