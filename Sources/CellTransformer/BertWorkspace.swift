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
    /// Of the products that it has room for.
    package let precision: Precision
    /// The tokens it has room for: of the longest cell, or of all cells that are run together.
    package let maximumLength: Int
    /// Threads that work on one pass.
    let threads: Int
    /// The layer whose hidden states are held: 0 for the embeddings, l for what layer l gave.
    package internal(set) var layer = 0
    /// The rows of cell i are `starts[i]..<starts[i + 1]`.
    var starts = [0]
    /// 2 where the second half of a cell's rows are queries alone: the keys and values are those of the first half.
    var queriesPerKey = 1
    /// The cell that is shown.
    private var cell = 0

    /// [rows, h]
    let hidden: AlignedBuffer<Float>
    /// What layers hand on to one another, in numbers of the precision:
    /// [rows, 3h], query, key and value of a position side by side;
    let queryKeyValue: AlignedBuffer<UInt8>
    /// [rows, h], what attention gathers, before its output layer;
    let context: AlignedBuffer<UInt8>
    /// [rows, h], ``hidden`` rounded; empty for f32.
    let rounded: AlignedBuffer<UInt16>
    /// ``scratchSize`` for each thread: what one head's attention needs, or the rows of a block between its linear
    /// layers, [blockRows, h] and [blockRows, f], and what these are rounded to.
    let scratch: AlignedBuffer<Float>
    let scratchSize: Int

    /// Room for `maximumLength` tokens, but not more than the model has positions where there is one cell alone.
    ///
    /// - Parameters:
    ///   - isShared: whether there are several cells at a time, whose tokens together may be more than the positions.
    ///   - threads: that work on one pass; for cells too few to be spread over threads themselves.
    package init(
        _ configuration: BertConfiguration, precision: Precision = .f32, maximumLength: Int = .max,
        isShared: Bool = false, threads: Int = 1
    ) {
        let rows = max(1, isShared ? maximumLength : min(maximumLength, configuration.maximumLength))
        let h = configuration.hiddenSize
        // A block of deletions has more rows than the cell has tokens.
        let length = min(rows, configuration.maximumLength + DeletionBlock.largest)
        let block = min(rows, Self.blockRows)
        self.configuration = configuration
        self.precision = precision
        self.maximumLength = rows
        self.threads = max(1, threads)
        let bytes = precision.bytes
        let (attention, layers) =
            switch precision {
            case .f32:
                (ek_attention_gaps_scratch(length, configuration.headSize), block * (h + configuration.feedForwardSize))
            case .bf16:
                (
                    ek_attention_gaps_scratch_bf16(length, configuration.headSize),
                    block * (2 * h + configuration.feedForwardSize)
                )
            }
        hidden = AlignedBuffer(repeating: 0, count: rows * h)
        queryKeyValue = AlignedBuffer(repeating: 0, count: rows * 3 * h * bytes)
        context = AlignedBuffer(repeating: 0, count: rows * h * bytes)
        rounded = AlignedBuffer(repeating: 0, count: precision == .f32 ? 0 : rows * h)
        let size = max(attention, layers)
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
        queriesPerKey = 1
        cell = 0
        layer = 0
    }
}
