internal import Numerics

/// An estimate of what the deletion of each gene of a cell does to the cell's embedding, at the price of some passes through
/// the model instead of one a gene.
///
/// A deletion does two things. It moves all later tokens up by one position: that is taken from ``TwoVersions``, of each
/// token's two versions the one that the deletion leaves, against the keys and values of a few backgrounds, and between
/// the two nearest of these in a line. And it takes the gene's key out of the attention of all others: that is taken from
/// the gradient of the key's weight (``KeyGradients``) in one or a few backgrounds, from 1 down to 0 in a line.
///
/// With B backgrounds and G gradients for each direction the price is that of 2 B + 3 G forward passes.
package final class DeletionScreen {
    package struct Options: Sendable {
        /// Backgrounds of the two versions.
        package var backgrounds = 4
        /// Backgrounds of the gradients.
        package var gradients = 1
        package init() {}
    }

    private let encoder: BertEncoder
    private let layer: Int
    private let pooling: Pooling
    private let options: Options
    private let threads: Int
    private let keyGradients: KeyGradients

    package init(_ embedder: CellEmbedder, options: Options = Options()) {
        precondition(options.backgrounds >= 1 && options.gradients >= 0, "no background")
        encoder = embedder.encoder
        layer = embedder.layer.index(in: embedder.encoder.configuration)
        pooling = embedder.pooling
        threads = embedder.threads
        self.options = options
        keyGradients = KeyGradients(embedder.encoder.weights, threads: embedder.threads)
    }

    /// Forward passes that a cell costs, a backward one counted as two.
    package func forwards(directions: Int) -> Int { 2 * options.backgrounds + 3 * options.gradients * directions }

    /// cos(perturbed, direction) for the deletion of every gene: [directions][genes].
    ///
    /// - Parameters:
    ///   - cell: two genes or more.
    ///   - directions: vectors of the model's width, not 0.
    /// - Throws: ``TransformerError`` as ``BertEncoder/forward(_:through:workspace:)``; `noTokens` for a cell of one gene.
    package func cosines(_ cell: CellInput, to directions: [[Float]]) throws(TransformerError) -> [[Double]] {
        guard cell.genes.count > 1 else {
            throw TransformerError(.noTokens, detail: "nothing is left of a cell of one gene without it")
        }
        let directions = directions.map { Direction($0) }
        let pooled = try pooled(cell)
        var result = directions.map { direction in
            (0..<cell.genes.count).map { direction.cosine(pooled[row: $0]) }
        }
        // The mean goes over one gene less.
        let share = pooling == .mean ? Double(cell.genes.count) / Double(cell.genes.count - 1) : 1
        for (start, weights) in weights(of: middles(cell), in: cell) {
            let versions = TwoVersions(length: cell.tokens.count, start: start)
            for (index, direction) in directions.enumerated() {
                let gradient = gradient(cell, versions, direction)
                for (gene, weight) in weights {
                    result[index][gene] -= weight * share * gradient[cell.genes.lowerBound + gene]
                }
            }
        }
        return result
    }

    // MARK: Backgrounds

    /// Where backgrounds begin, evenly over the genes, the first and the last included.
    private func starts(_ cell: CellInput) -> [Int] {
        let (first, last) = (cell.genes.lowerBound + 1, cell.genes.upperBound)
        guard options.backgrounds > 1 else { return [(first + last) / 2] }
        let gaps = Double(options.backgrounds - 1)
        return unique(
            (0..<options.backgrounds).map {
                first + Int((Double(last - first) * Double($0) / gaps).rounded())
            })
    }

    /// Where those of the gradients begin, each in the middle of its share of the genes.
    private func middles(_ cell: CellInput) -> [Int] {
        let (first, last) = (cell.genes.lowerBound + 1, cell.genes.upperBound)
        let count = Double(options.gradients)
        return unique(
            (0..<options.gradients).map {
                first + Int((Double(last - first) * (Double($0) + 0.5) / count).rounded())
            })
    }

    private func unique(_ ascending: [Int]) -> [Int] {
        ascending.indices.filter { $0 == 0 || ascending[$0] > ascending[$0 - 1] }.map { ascending[$0] }
    }

    /// By background: the genes (from 0) that it says something of, and how much it counts there. A deletion lies between
    /// the two backgrounds next to it, or is that of the first or the last one.
    private func weights(of starts: [Int], in cell: CellInput) -> [(start: Int, genes: [(gene: Int, weight: Double)])] {
        starts.enumerated().map { index, start in
            (
                start,
                cell.genes.compactMap { token in
                    let place = token + 1
                    var weight = 0.0
                    if place == start {
                        weight = 1
                    } else if place < start {
                        let before = index == 0 ? nil : starts[index - 1]
                        weight = before.map { max(0, Double(place - $0) / Double(start - $0)) } ?? 1
                    } else {
                        let after = index + 1 == starts.count ? nil : starts[index + 1]
                        weight = after.map { max(0, Double($0 - place) / Double($0 - start)) } ?? 1
                    }
                    return weight > 0 ? (token - cell.genes.lowerBound, weight) : nil
                }
            )
        }
    }

    // MARK: Two versions

    /// The embedding that every deletion leaves, but for the lost key: [genes, h].
    private func pooled(_ cell: CellInput) throws(TransformerError) -> Matrix {
        let (length, h) = (cell.tokens.count, encoder.configuration.hiddenSize)
        var workspace = BertWorkspace(
            encoder.configuration, precision: encoder.precision, maximumLength: 2 * length, isShared: true,
            threads: threads)
        var result = Matrix(rows: cell.genes.count, columns: h)
        for (start, genes) in weights(of: starts(cell), in: cell) {
            let versions = TwoVersions(length: length, start: start)
            try encoder.forward(versions, of: cell.tokens.span, through: layer, workspace: &workspace)
            let hidden = workspace.hidden.baseAddress
            switch pooling {
            case .cls:
                for (gene, weight) in genes {
                    for column in 0..<h { result.values[gene * h + column] += Float(weight) * hidden[column] }
                }
            case .mean:
                addMeans(versions, of: cell.genes, genes, hidden, to: &result)
            }
        }
        return result
    }

    /// Adds the mean over the versions A of the genes before each deleted one and the versions B of those behind it.
    private func addMeans(
        _ versions: TwoVersions, of range: Range<Int>, _ genes: [(gene: Int, weight: Double)],
        _ hidden: UnsafeMutablePointer<Float>, to result: inout Matrix
    ) {
        let h = result.columns
        var sums = [Double](repeating: 0, count: h)
        func add(_ row: Int, _ sign: Double) {
            let states = hidden + row * h
            for column in 0..<h { sums[column] += sign * Double(states[column]) }
        }
        for token in range.dropFirst() { add(versions.rowB(token), 1) }
        var next = 0
        for token in range {
            let gene = token - range.lowerBound
            if next < genes.count, genes[next].gene == gene {
                let factor = genes[next].weight / Double(range.count - 1)
                for column in 0..<h { result.values[gene * h + column] += Float(factor * sums[column]) }
                next += 1
            }
            add(versions.rowA(token), 1)
            if token + 1 < range.upperBound { add(versions.rowB(token + 1), -1) }
        }
    }

    // MARK: The lost key

    /// The gradient of cos(embedding of the background, direction) by each token's weight.
    private func gradient(_ cell: CellInput, _ versions: TwoVersions, _ direction: Direction) -> [Double] {
        let h = encoder.configuration.hiddenSize
        let rows = pooling == .cls ? 0..<1 : cell.genes
        return keyGradients(cell.tokens, positions: versions.positions, through: layer) { hidden in
            var mean = [Double](repeating: 0, count: h)
            for row in rows { for column in 0..<h { mean[column] += Double(hidden[row * h + column]) } }
            let slope = direction.slope(at: mean.map { $0 / Double(rows.count) }).map { Float($0 / Double(rows.count)) }
            var slopes = [Float](repeating: 0, count: cell.tokens.count * h)
            for row in rows { slopes.replaceSubrange(row * h..<(row + 1) * h, with: slope) }
            return slopes
        }
    }
}
