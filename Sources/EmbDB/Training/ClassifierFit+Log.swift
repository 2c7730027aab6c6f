internal import Foundation

extension ClassifierFit {
    /// training.tsv: a row a pass of each fold, and of the model that learned from all.
    static func log(_ fits: [Result], tested: Int) -> String {
        var log = TabSeparated.row([
            "fold", "epoch", "step", "loss", "learning_rate", "validation_loss", "validation_accuracy",
        ])
        for (number, fit) in fits.enumerated() {
            for row in fit.rows {
                let watched =
                    row.watched.map { [$0.loss, $0.accuracy].map { String(format: "%.5f", $0) } } ?? ["", ""]
                log += TabSeparated.row(
                    [
                        number < tested ? String(number + 1) : "all", String(row.epoch), String(row.step),
                        String(format: "%.5f", row.loss), String(format: "%.6e", row.rate),
                    ] + watched)
            }
        }
        return log
    }
}
