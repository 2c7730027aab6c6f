/// Cells that go through a training step together, one after another without padding.
package struct TrainingBatch: Sendable {
    /// Of all cells.
    package private(set) var tokens: [UInt32] = []
    /// Of all tokens, within their cell.
    private(set) var positions: [Int] = []
    /// The rows of cell i are `starts[i]..<starts[i + 1]`.
    package private(set) var starts = [0]

    package init(_ cells: [[UInt32]] = []) { for cell in cells { add(cell) } }

    /// Adds a cell of at least one token, at positions from 0 or at those given.
    package mutating func add(_ cell: [UInt32], positions: [Int]? = nil) {
        precondition(!cell.isEmpty, "a cell without tokens")
        precondition(positions.map { $0.count == cell.count } ?? true, "a position for each token")
        tokens += cell
        self.positions += positions ?? Array(cell.indices)
        starts.append(tokens.count)
    }

    package var rows: Int { tokens.count }
    package var cellCount: Int { starts.count - 1 }
    var longest: Int { zip(starts, starts.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) } }
}

/// What a batch is to predict: a label each for some of its rows.
package struct TrainingTargets: Sendable {
    /// Rows of the batch, different ones. For a cell classifier: the first row of each cell.
    package var rows: [Int]
    /// The token, or the class.
    package var labels: [Int]
    /// What each counts in the sum of cross entropies: 1 / number for their mean.
    package var weights: [Float]

    /// Targets that count alike, as the mean over `total` of them (all of a step's, if it is made of several batches).
    package init(rows: [Int], labels: [Int], total: Int? = nil) {
        precondition(rows.count == labels.count, "one label for each row")
        self.rows = rows
        self.labels = labels
        weights = Array(repeating: 1 / Float(max(1, total ?? rows.count)), count: rows.count)
    }
}

/// What came out of a batch.
package struct TrainingLoss: Sendable {
    /// The weighted sum of cross entropies, in nats.
    package var loss = 0.0
    /// Targets whose label had the largest logit.
    package var hits = 0

    static func += (sum: inout TrainingLoss, part: TrainingLoss) {
        sum.loss += part.loss
        sum.hits += part.hits
    }
}

/// Which head a model is trained with.
package enum TrainingTask: Sendable {
    /// The masked-gene head over every target row.
    case maskedGenes
    /// Pooler and classifier over the first row of a cell.
    case cells
    /// The classifier over every target row.
    case genes
}
