internal import Numerics

/// An estimate of what the deletion of each gene of a cell does to the cell's embedding, at the price of some passes through
/// the model instead of one a gene.
///
/// A deletion does two things. It moves all later tokens up by one position: that is taken from ``TwoVersions``, of each
/// token's two versions the one that the deletion leaves, against the keys and values of a few backgrounds, and between
/// the two nearest of these in a line. And it takes the gene's key out of the attention of all others: that is taken from
/// the gradient of the key's weight (``KeyGradients``) in one or a few backgrounds, from 1 down to 0 in a line.
///
/// With B backgrounds, and G gradients for each of D directions, the price is that of 2 B + G (1 + 2 D) forward passes.
package struct DeletionScreen: Sendable {
    package struct Options: Sendable {
        /// Backgrounds of the two versions.
        package var backgrounds = 4
        /// Backgrounds of the gradients.
        package var gradients = 1
        package init() {}
    }

    let encoder: BertEncoder
    let layer: Int
    let pooling: Pooling
    let options: Options
    private let threads: Int
    /// The weights as the backward pass reads them.
    let parameters: Parameters

    package init(_ embedder: CellEmbedder, options: Options = Options()) {
        precondition(options.backgrounds >= 1 && options.gradients >= 0, "no background")
        encoder = embedder.encoder
        layer = embedder.layer.index(in: embedder.encoder.configuration)
        pooling = embedder.pooling
        threads = embedder.threads
        self.options = options
        parameters = Parameters(copying: embedder.encoder.weights)
    }

    /// Forward passes that a cell costs, a backward one counted as two.
    package func forwards(directions: Int) -> Int {
        2 * options.backgrounds + options.gradients * (1 + 2 * directions)
    }

    /// One estimate a cell, in order; the same bytes for any number of threads and any other cells.
    ///
    /// - Parameters:
    ///   - cells: of two genes or more.
    ///   - directions: vectors of the model's width, not 0.
    ///   - cellDone: called after every cell, from any thread; false stops.
    /// - Throws: ``TransformerError`` as ``BertEncoder/forward(_:through:workspace:)``; `noTokens` for a cell of one gene;
    ///   `stopped` if `cellDone` said so.
    package func estimate(
        _ cells: [CellInput], to directions: [[Float]], cellDone: @Sendable () -> Bool = { true }
    ) throws(TransformerError) -> [DeletionEstimate] {
        for (number, cell) in cells.enumerated() {
            try encoder.check(
                cell.tokens.span, layer: layer, maximumLength: encoder.configuration.maximumLength, cell: number)
            if cell.genes.count < 2 {
                throw TransformerError(
                    .noTokens, cell: number, detail: "nothing is left of a cell of one gene without it")
            }
        }
        let directions = directions.map { Direction($0) }
        let threadsPerCell = cells.count == 1 ? threads : 1
        var result = [DeletionEstimate?](repeating: nil, count: cells.count)
        try result.withUnsafeMutableBufferPointer { buffer throws(TransformerError) in
            // Every cell writes its own place.
            nonisolated(unsafe) let places = buffer
            try Parallel.forEach(
                cells.count, threads: threads, makeState: { CellScreen(self, threads: threadsPerCell) }
            ) { (screen: inout CellScreen, index: Int) throws(TransformerError) in
                places[index] = try screen.estimate(cells[index], directions)
                guard cellDone() else { throw TransformerError(.stopped, detail: "stopped") }
            }
        }
        return result.compactMap { $0 }
    }
}
