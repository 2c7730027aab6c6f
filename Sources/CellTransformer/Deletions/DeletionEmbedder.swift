package import Numerics

/// Embeds cells with one gene deleted, exactly, for less than as many cells would cost: the deletions of neighboring genes of a
/// cell share what the first layer has in common (``DeletionBlock``).
package struct DeletionEmbedder: Sendable {
    /// A gene that a cell loses.
    package struct Deletion: Sendable, Hashable {
        /// Which of the cells.
        package let cell: Int
        /// Among its tokens.
        package let position: Int

        package init(cell: Int, position: Int) {
            self.cell = cell
            self.position = position
        }
    }

    private struct Task {
        let cell: Int
        let block: DeletionBlock
        /// Numbers of the deletions.
        var deletions: [Int]

        /// In hidden states, the block's own as one deletion.
        var cost: Int { (deletions.count + 1) * block.length }
    }

    private let embedder: CellEmbedder

    package init(_ embedder: CellEmbedder) { self.embedder = embedder }

    /// Deletions in neighboring positions of a cell, up to so many, share their first layer.
    package func shared(_ cell: CellInput) -> Int {
        DeletionBlock(cell.genes.lowerBound, of: cell, embedder.encoder.configuration, embedder.encoder.precision)
            .positions.count
    }

    /// One embedding a deletion, in order: [deletions, h]. Each depends on its cell and position alone, to the last bit.
    ///
    /// - Parameters:
    ///   - deletions: of genes of `cells`, which have others beside them.
    ///   - lending: called with the number of every deletion and the hidden states that it leaves, from any thread.
    ///   - deletionDone: called after every deletion, from any thread; false stops.
    /// - Throws: as ``CellEmbedder/embed(_:lending:cellDone:)``; `noSuchPosition` for a position that holds no gene.
    package func embed(
        _ cells: [CellInput], _ deletions: [Deletion],
        lending: @Sendable (Int, borrowing BertWorkspace) throws(TransformerError) -> Void = { _, _ in },
        deletionDone: @Sendable () -> Bool = { true }
    ) throws(TransformerError) -> Matrix {
        let encoder = embedder.encoder
        let (h, layer) = (encoder.configuration.hiddenSize, embedder.layer.index(in: encoder.configuration))
        for (number, cell) in cells.enumerated() {
            try encoder.check(
                cell.tokens.span, layer: layer, maximumLength: encoder.configuration.maximumLength, cell: number)
        }
        let tasks = try tasks(cells, deletions)
        let length = tasks.map(\.block.length).max() ?? 0
        let room = tasks.map { $0.deletions.count * ($0.block.length - 1) }.max() ?? 0
        let threads = max(1, embedder.threads / max(1, tasks.count))
        var result = Matrix(rows: deletions.count, columns: h)
        try result.values.withUnsafeMutableBufferPointer { buffer throws(TransformerError) in
            // Every deletion writes its own row.
            nonisolated(unsafe) let rows = buffer
            let pooling = embedder.pooling
            try Parallel.forEach(
                tasks.count, threads: embedder.threads,
                makeState: { DeletionPass(encoder, through: layer, length: length, rows: room, threads: threads) }
            ) { (pass: inout DeletionPass, index: Int) throws(TransformerError) in
                let task = tasks[index]
                let cell = cells[task.cell]
                try pass.run(task.block, task.deletions.map { deletions[$0].position }, of: cell.tokens.span) {
                    (place, workspace: borrowing BertWorkspace) throws(TransformerError) in
                    let number = task.deletions[place]
                    let genes = cell.genes.lowerBound..<cell.genes.upperBound - 1
                    let vector = try workspace.pooled(pooling, genes: genes)
                    for column in 0..<h { rows[number * h + column] = vector[column] }
                    try lending(number, workspace)
                    guard deletionDone() else { throw TransformerError(.stopped, detail: "stopped") }
                }
            }
        }
        return result
    }

    /// By cell and block, the most work first, so that no thread is left with it at the end. Where there are few blocks for the
    /// threads, these are divided, and each part computes the first layer.
    private func tasks(_ cells: [CellInput], _ deletions: [Deletion]) throws(TransformerError) -> [Task] {
        struct Place: Hashable {
            let cell: Int
            let block: DeletionBlock
        }
        let (configuration, precision) = (embedder.encoder.configuration, embedder.encoder.precision)
        let shares = 2 * embedder.threads
        let limit = embedder.threads == 1 ? deletions.count : max(4, (deletions.count + shares - 1) / shares)
        var tasks: [Task] = []
        var places: [Place: Int] = [:]
        for (number, deletion) in deletions.enumerated() {
            let cell = cells[deletion.cell]
            guard cell.genes.contains(deletion.position), cell.genes.count > 1 else {
                throw TransformerError(
                    .noSuchPosition, cell: deletion.cell,
                    detail: "there is no gene at position \(deletion.position), or no other one")
            }
            let block = DeletionBlock(deletion.position, of: cell, configuration, precision)
            let place = Place(cell: deletion.cell, block: block)
            if let task = places[place], tasks[task].deletions.count < limit {
                tasks[task].deletions.append(number)
            } else {
                places[place] = tasks.count
                tasks.append(Task(cell: deletion.cell, block: block, deletions: [number]))
            }
        }
        // Of equal ones the first, so that the order is the same every time.
        return tasks.enumerated().sorted { ($1.element.cost, $0.offset) < ($0.element.cost, $1.offset) }.map(\.element)
    }
}
