internal import CellTransformer
internal import Numerics

/// The classes of cells that a database's fine-tuned model tells apart.
struct CellClasses {
    /// Stands for the obs column that neighbors would take labels from.
    static let name = "class"

    let names: [String]
    private let weights: BertWeights

    /// - Throws: ``EmbDBError/Code/usage`` if the model, the database's, tells no cells apart.
    init(_ model: EmbeddingModel?, path: String) throws(EmbDBError) {
        guard let model else {
            throw EmbDBError(
                .usage, "there is no obs column to take labels from (\(path)): name one by --label")
        }
        guard BertClassifier(model.weights, threads: 1)?.isOfCells == true else {
            throw EmbDBError(
                .usage,
                "there is no obs column to take labels from, and the database's model \(model.name) is no classifier of cells "
                    + "(\(path)): name a column by --label")
        }
        names = model.labels
        weights = model.weights
    }

    /// [cells, classes]
    func probabilities(_ inputs: [[UInt32]], threads: Int, control: Control) throws -> Matrix {
        guard let classifier = BertClassifier(weights, threads: threads) else {
            return Matrix(rows: inputs.count, columns: names.count)
        }
        var values: [Float] = []
        for start in stride(from: 0, to: inputs.count, by: 64) {
            let part = Array(inputs[start..<min(inputs.count, start + 64)])
            values += try classifier.probabilities(
                part, positions: part.map { _ in [0] }, cellDone: { !control.isCancelled() }
            ).values
        }
        return Matrix(rows: inputs.count, columns: names.count, values: values)
    }

    /// The class of the largest probability, the first of equal ones; and the next one.
    func decision(_ probabilities: [Float]) -> Annotation.Decision {
        let order = names.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
        return Annotation.Decision(
            label: names[order[0]], confidence: Double(probabilities[order[0]]),
            runnerUp: order.count > 1 ? names[order[1]] : nil)
    }
}
