package import Numerics

/// A cell as the model sees it.
package struct CellInput: Sendable, Equatable {
    /// One token per position, special ones included.
    package let tokens: [UInt32]
    /// The positions that hold genes.
    package let genes: Range<Int>

    /// `genes` defaults to every position, as in Geneformer V1.
    package init(tokens: [UInt32], genes: Range<Int>? = nil) {
        self.tokens = tokens
        self.genes = genes ?? 0..<tokens.count
    }
}

/// Runs many cells through a model, spread over threads, each cell alone: results are the same bytes for any number
/// of threads and any batch.
package struct CellEmbedder: Sendable {
    package let encoder: BertEncoder
    package let layer: HiddenLayer
    package let pooling: Pooling
    package let threads: Int

    package init(
        _ weights: BertWeights, layer: HiddenLayer = .secondToLast, pooling: Pooling = .mean,
        precision: Precision = .f32, threads: Int = Parallel.availableThreads
    ) {
        encoder = BertEncoder(weights, precision: precision)
        self.layer = layer
        self.pooling = pooling
        self.threads = threads
    }

    /// One embedding per cell, in order: [cells, h].
    ///
    /// - Parameters:
    ///   - lending: called with the number of every cell and its hidden states, as ``forEach(_:_:)`` does.
    ///   - cellDone: called after every cell, from any thread; false stops.
    /// - Throws: ``TransformerError`` that names the cell; every cell is checked before the first is run. `stopped` if
    ///   `cellDone` said so.
    package func embed(
        _ cells: [CellInput],
        lending: @Sendable (Int, borrowing BertWorkspace) throws(TransformerError) -> Void = { _, _ in },
        cellDone: @Sendable () -> Bool = { true }
    ) throws(TransformerError) -> Matrix {
        let h = encoder.configuration.hiddenSize
        var result = Matrix(rows: cells.count, columns: h)
        try result.values.withUnsafeMutableBufferPointer { buffer throws(TransformerError) in
            // Every cell writes its own row.
            nonisolated(unsafe) let rows = buffer
            let pooling = pooling
            try forEach(cells) { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
                let vector = try workspace.pooled(pooling, genes: cells[index].genes)
                for column in 0..<h { rows[index * h + column] = vector[column] }
                try lending(index, workspace)
                guard cellDone() else { throw TransformerError(.stopped, detail: "stopped") }
            }
        }
        return result
    }

    /// Runs every cell and lends its hidden states to `body` together with its number, on several threads at once
    /// and in no order (the longest cells go first, so that no thread is left with one at the end).
    ///
    /// - Throws: ``TransformerError`` that names the cell; every cell is checked before the first is run.
    package func forEach(
        _ cells: [CellInput],
        _ body: @Sendable (Int, borrowing BertWorkspace) throws(TransformerError) -> Void
    ) throws(TransformerError) {
        let (configuration, precision) = (encoder.configuration, encoder.precision)
        let index = layer.index(in: configuration)
        for (number, cell) in cells.enumerated() {
            try encoder.check(
                cell.tokens.span, layer: index, maximumLength: configuration.maximumLength, cell: number)
        }
        let order = cells.indices.sorted { (cells[$1].tokens.count, $0) < (cells[$0].tokens.count, $1) }
        let groups = Self.groups(order.map { cells[$0].tokens.count }, threads: threads)
        let room = groups.map { group in group.reduce(0) { $0 + cells[order[$1]].tokens.count } }.max() ?? 0
        let threadsPerGroup = groups.count == 1 ? threads : 1
        try Parallel.forEach(
            groups.count, threads: threads,
            makeState: {
                BertWorkspace(
                    configuration, precision: precision, maximumLength: room, isShared: true, threads: threadsPerGroup)
            }
        ) { (workspace: inout BertWorkspace, turn: Int) throws(TransformerError) in
            let numbers = order[groups[turn]]
            encoder.forward(cells, numbers, through: index, workspace: &workspace)
            for (place, number) in numbers.enumerated() {
                workspace.show(place)
                do throws(TransformerError) {
                    try body(number, workspace)
                } catch {
                    throw error.cell == nil ? TransformerError(error.code, cell: number, detail: error.detail) : error
                }
            }
        }
    }

    /// Tokens that go through the linear layers together, so that the weights are read for many rows.
    static let groupTokens = 512

    /// Which of the cells, in their order, are run together: of short ones as many as have ``groupTokens`` together, but
    /// few enough for every thread to have some groups.
    private static func groups(_ lengths: [Int], threads: Int) -> [Range<Int>] {
        let limit = min(groupTokens, lengths.reduce(0, +) / (4 * max(1, threads)))
        var groups: [Range<Int>] = []
        var first = 0
        var tokens = 0
        for (index, length) in lengths.enumerated() {
            if index > first, tokens + length > limit {
                groups.append(first..<index)
                first = index
                tokens = 0
            }
            tokens += length
        }
        if first < lengths.count { groups.append(first..<lengths.count) }
        return groups
    }
}
