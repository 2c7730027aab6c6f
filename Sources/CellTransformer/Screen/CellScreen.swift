internal import Numerics

/// A ``DeletionScreen`` at work on one cell after another, with the memory that it needs for that.
struct CellScreen: ~Copyable {
    private let screen: DeletionScreen
    private let threads: Int
    private let keyGradients: KeyGradients
    private var workspace: BertWorkspace

    private var encoder: BertEncoder { screen.encoder }
    private var options: DeletionScreen.Options { screen.options }
    private var pooling: Pooling { screen.pooling }

    init(_ screen: DeletionScreen, threads: Int) {
        self.screen = screen
        self.threads = threads
        keyGradients = KeyGradients(screen.encoder.configuration, screen.parameters, threads: threads)
        workspace = Self.workspace(screen, length: 0, threads: threads)
    }

    /// Room for both versions of so many tokens.
    private static func workspace(_ screen: DeletionScreen, length: Int, threads: Int) -> BertWorkspace {
        BertWorkspace(
            screen.encoder.configuration, precision: screen.encoder.precision, maximumLength: 2 * length,
            isShared: true, threads: threads)
    }

    /// - Parameter cell: of two genes or more, checked before.
    mutating func estimate(
        _ cell: CellInput, _ directions: [Direction]
    ) throws(TransformerError) -> DeletionEstimate {
        let pooled = try pooled(cell)
        var result = directions.map { direction in
            (0..<cell.genes.count).map { direction.cosine(pooled[row: $0]) }
        }
        // The mean goes over one gene less.
        let share = pooling == .mean ? Double(cell.genes.count) / Double(cell.genes.count - 1) : 1
        for (start, weights) in weights(of: middles(cell), in: cell) {
            let versions = TwoVersions(length: cell.tokens.count, start: start)
            for (index, gradient) in gradients(cell, versions, directions).enumerated() {
                for (gene, weight) in weights {
                    result[index][gene] -= weight * share * gradient[cell.genes.lowerBound + gene]
                }
            }
        }
        return DeletionEstimate(cosines: result, embeddings: pooled)
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
    private mutating func pooled(_ cell: CellInput) throws(TransformerError) -> Matrix {
        let (length, h) = (cell.tokens.count, encoder.configuration.hiddenSize)
        if workspace.maximumLength < 2 * length {
            workspace = Self.workspace(screen, length: length, threads: threads)
        }
        var result = Matrix(rows: cell.genes.count, columns: h)
        for (start, genes) in weights(of: starts(cell), in: cell) {
            let versions = TwoVersions(length: length, start: start)
            try encoder.forward(versions, of: cell.tokens.span, through: screen.layer, workspace: &workspace)
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

    /// By direction, the gradient of cos(embedding of the background, direction) by each token's weight.
    private func gradients(_ cell: CellInput, _ versions: TwoVersions, _ directions: [Direction]) -> [[Double]] {
        let h = encoder.configuration.hiddenSize
        let rows = pooling == .cls ? 0..<1 : cell.genes
        return keyGradients(cell.tokens, positions: versions.positions, through: screen.layer) { hidden in
            var mean = [Double](repeating: 0, count: h)
            for row in rows { for column in 0..<h { mean[column] += Double(hidden[row * h + column]) } }
            let middle = mean.map { $0 / Double(rows.count) }
            return directions.map { direction in
                let slope = direction.slope(at: middle).map { Float($0 / Double(rows.count)) }
                var slopes = [Float](repeating: 0, count: cell.tokens.count * h)
                for row in rows { slopes.replaceSubrange(row * h..<(row + 1) * h, with: slope) }
                return slopes
            }
        }
    }
}
