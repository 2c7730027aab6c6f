package import Numerics

/// Runs cells through a fine-tuned model to the probabilities of its classes: one of a cell, by its first position (Hugging
/// Face's BertForSequenceClassification), or one of each gene (BertForTokenClassification).
package struct BertClassifier: Sendable {
    private let embedder: CellEmbedder
    private let classifier: BertLayout.Pair
    private let pooler: BertLayout.Pair?
    /// Classes.
    package let labelCount: Int

    private var weights: BertWeights { embedder.encoder.weights }

    /// Whether it is cells that have a class.
    package var isOfCells: Bool { pooler != nil }

    /// nil for a model without a classifier.
    package init?(_ weights: BertWeights, threads: Int) {
        guard let classifier = weights.layout.classifier, let labelCount = weights.layout.classifierLabels else {
            return nil
        }
        self.classifier = classifier
        self.labelCount = labelCount
        pooler = weights.layout.pooler
        embedder = CellEmbedder(weights, layer: .last, threads: threads)
    }

    /// The probabilities at the given positions of each cell, those of one cell after another: [positions in all, labels].
    ///
    /// - Parameter cellDone: called after every cell, from any thread; false stops.
    /// - Throws: ``TransformerError`` that names the cell; `stopped` if `cellDone` said so.
    package func probabilities(
        _ cells: [[UInt32]], positions: [[Int]], cellDone: @Sendable () -> Bool = { true }
    ) throws(TransformerError) -> Matrix {
        precondition(cells.count == positions.count, "positions for each cell")
        var starts = [0]
        for list in positions { starts.append(starts[starts.count - 1] + list.count) }
        var result = Matrix(rows: starts[cells.count], columns: labelCount)
        let inputs = cells.map { CellInput(tokens: $0) }
        try result.values.withUnsafeMutableBufferPointer { buffer throws(TransformerError) in
            // Every cell writes rows of its own.
            nonisolated(unsafe) let rows = buffer
            let firsts = starts
            try embedder.forEach(inputs) { (number, workspace: borrowing BertWorkspace) throws(TransformerError) in
                for (index, position) in positions[number].enumerated() {
                    let probabilities = head(try workspace.hiddenStates(position..<position + 1).values)
                    let first = (firsts[number] + index) * labelCount
                    for label in 0..<labelCount { rows[first + label] = probabilities[label] }
                }
                guard cellDone() else { throw TransformerError(.stopped, detail: "stopped") }
            }
        }
        return result
    }

    /// softmax(C tanh(P x + p) + c), or softmax(C x + c) without a pooler, of one hidden state.
    private func head(_ x: [Float]) -> [Float] {
        var x = x
        if let pooler { x = linear(x, pooler, rows: x.count).map { Float(hyperbolicTangent(Double($0))) } }
        let logits = linear(x, classifier, rows: labelCount)
        let top = logits.max() ?? 0
        let powers = logits.map { exponential(Double($0 - top)) }
        let sum = powers.reduce(0, +)
        return powers.map { Float($0 / sum) }
    }

    private func linear(_ x: [Float], _ pair: BertLayout.Pair, rows: Int) -> [Float] {
        let (matrix, bias) = (weights.pointer(pair.weight), weights.pointer(pair.bias))
        return (0..<rows).map { row in
            var sum = bias[row]
            for (column, value) in x.enumerated() { sum += matrix[row * x.count + column] * value }
            return sum
        }
    }
}
