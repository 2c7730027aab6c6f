internal import CKernels
internal import Numerics

/// Scratch memory for some cells at a time, one after another in the rows of its matrices, allocated once for the most
/// tokens it will see; and the hidden states of the last forward pass.
///
/// What is read of it is about one of the cells, the one that ``show(_:)`` named.
package struct BertWorkspace: ~Copyable {
    /// Rows that go through the linear layers together: few enough for the second-level cache, a multiple of what the
    /// kernels take at once.
    static let blockRows = 192

    package let configuration: BertConfiguration
    /// The tokens it has room for: of the longest cell, or of all cells that are run together.
    package let maximumLength: Int
    /// Threads that work on one pass.
    let threads: Int
    /// The layer whose hidden states are held: 0 for the embeddings, l for what layer l gave.
    package internal(set) var layer = 0
    /// The rows of cell i are `starts[i]..<starts[i + 1]`.
    var starts = [0]
    /// The cell that is shown.
    private var cell = 0

    /// [rows, h]
    let hidden: AlignedBuffer<Float>
    /// [rows, 3h]: query, key and value of a position side by side.
    let queryKeyValue: AlignedBuffer<Float>
    /// [rows, h]: what attention gathers, before its output layer.
    let context: AlignedBuffer<Float>
    /// ``scratchSize`` for each thread: what one head's attention needs, or the rows of a block between its linear
    /// layers, [blockRows, h] and [blockRows, f].
    let scratch: AlignedBuffer<Float>
    let scratchSize: Int

    /// Room for `maximumLength` tokens, but not more than the model has positions where there is one cell alone.
    ///
    /// - Parameters:
    ///   - isShared: whether there are several cells at a time, whose tokens together may be more than the positions.
    ///   - threads: that work on one pass; for cells too few to be spread over threads themselves.
    package init(
        _ configuration: BertConfiguration, maximumLength: Int = .max, isShared: Bool = false, threads: Int = 1
    ) {
        let rows = max(1, isShared ? maximumLength : min(maximumLength, configuration.maximumLength))
        let h = configuration.hiddenSize
        self.configuration = configuration
        self.maximumLength = rows
        self.threads = max(1, threads)
        hidden = AlignedBuffer(repeating: 0, count: rows * h)
        queryKeyValue = AlignedBuffer(repeating: 0, count: rows * 3 * h)
        context = AlignedBuffer(repeating: 0, count: rows * h)
        let size = max(
            ek_attention_scratch(min(rows, configuration.maximumLength), configuration.headSize),
            min(rows, Self.blockRows) * (h + configuration.feedForwardSize))
        scratchSize = (size + 15) / 16 * 16
        scratch = AlignedBuffer(repeating: 0, count: self.threads * scratchSize)
    }

    /// Rows of all cells.
    var rows: Int { starts[starts.count - 1] }
    /// The first row of the cell that is shown.
    var start: Int { starts[cell] }
    /// Tokens of the cell that is shown; 0 before the first pass.
    package var length: Int { cell + 1 < starts.count ? starts[cell + 1] - starts[cell] : 0 }

    /// Makes the `number`th cell of the last pass the one that is read.
    mutating func show(_ number: Int) {
        precondition(number >= 0 && number + 1 < starts.count, "a cell that was not run")
        cell = number
    }

    /// Forgets the cells.
    mutating func removeCells() {
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
        cell = 0
        layer = 0
    }
}
