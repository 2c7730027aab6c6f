package import Numerics

/// Which hidden states a cell's embedding is taken from.
package enum HiddenLayer: String, Sendable, CaseIterable {
    /// What the last layer gives, fitted to the pretraining task; Geneformer's `emb_layer` 0.
    case last
    /// What the layer before it gives, more general; Geneformer's `emb_layer` −1.
    case secondToLast = "second-to-last"

    /// The number of layers to run.
    package func index(in configuration: BertConfiguration) -> Int {
        switch self {
        case .last: configuration.layerCount
        case .secondToLast: configuration.layerCount - 1
        }
    }
}

/// How hidden states become one vector.
package enum Pooling: String, Sendable, CaseIterable {
    /// The first position's, where a vocabulary has a `<cls>` token.
    case cls
    /// The mean over the genes' positions.
    case mean
}

extension BertWorkspace {
    /// The hidden states of positions `rows` (all of them by default): [rows.count, h].
    ///
    /// - Throws: ``TransformerError`` `noSuchPosition`.
    package func hiddenStates(_ rows: Range<Int>? = nil) throws(TransformerError) -> Matrix {
        let rows = rows ?? 0..<length
        try check(rows)
        let h = configuration.hiddenSize
        return Matrix(
            rows: rows.count, columns: h,
            values: Array(hidden.pointer[(start + rows.lowerBound) * h..<(start + rows.upperBound) * h]))
    }

    /// One vector [h] of the cell. `genes` are the positions that a mean goes over: all of them for Geneformer V1,
    /// those between `<cls>` and `<eos>` for V2. A mean adds up in Double, position after position; that of no
    /// positions is an error.
    ///
    /// - Throws: ``TransformerError`` `noSuchPosition`.
    package func pooled(_ pooling: Pooling, genes: Range<Int>) throws(TransformerError) -> [Float] {
        let rows =
            switch pooling {
            case .cls: 0..<1
            case .mean: genes
            }
        try check(rows)
        guard !rows.isEmpty else {
            throw TransformerError(
                .noSuchPosition, detail: "the cell has no genes to take a mean over; leave such cells out")
        }
        let h = configuration.hiddenSize
        var sums = [Double](repeating: 0, count: h)
        for row in rows {
            let states = hidden.baseAddress + (start + row) * h
            for column in 0..<h { sums[column] += Double(states[column]) }
        }
        return sums.map { Float($0 / Double(rows.count)) }
    }

    func check(_ rows: Range<Int>) throws(TransformerError) {
        guard rows.lowerBound >= 0, rows.upperBound <= length else {
            throw TransformerError(
                .noSuchPosition, detail: "positions \(rows) are asked for, the cell has \(length) tokens")
        }
    }
}
