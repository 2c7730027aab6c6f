internal import Numerics

/// A ``DeletionEmbedder`` at work on one block after another, with the memory that it needs for that.
struct DeletionPass: ~Copyable {
    private let encoder: BertEncoder
    private let layer: Int
    /// The rows of a block, in the first layer.
    private var block: BertWorkspace
    /// What the first layer's attention gives for each deletion: [deletions][tokens − 1, h].
    private let contexts: AlignedBuffer<UInt8>
    /// Some deletions in all that follows.
    private var deletions: BertWorkspace

    /// - Parameters:
    ///   - length: tokens of the longest cell.
    ///   - rows: of what one call computes at the most, all its deletions together.
    init(_ encoder: BertEncoder, through layer: Int, length: Int, rows: Int, threads: Int) {
        self.encoder = encoder
        self.layer = layer
        func workspace(_ rows: Int) -> BertWorkspace {
            BertWorkspace(
                encoder.configuration, precision: encoder.precision, maximumLength: rows, isShared: true,
                threads: threads)
        }
        block = workspace(length + DeletionBlock.largest)
        deletions = workspace(max(length, CellEmbedder.groupTokens))
        contexts = AlignedBuffer(
            repeating: 0,
            count: layer > 0 ? rows * encoder.configuration.hiddenSize * encoder.precision.bytes : 0)
    }

    /// Lends the hidden states that each deletion leaves, together with its place in `deleted`: positions in the block.
    mutating func run(
        _ block: DeletionBlock, _ deleted: [Int], of tokens: Span<UInt32>,
        _ body: (Int, borrowing BertWorkspace) throws(TransformerError) -> Void
    ) throws(TransformerError) {
        let (length, size) = (block.length - 1, (block.length - 1) * rowBytes)
        encoder.embed(tokens, block.pieces, into: &self.block)
        if layer > 0 {
            precondition(contexts.count >= deleted.count * size, "no room for the deletions")
            encoder.pass(self.block).attendFirst(block, deleted, into: contexts.baseAddress)
        }
        let atOnce = max(1, CellEmbedder.groupTokens / length)
        for first in stride(from: 0, to: deleted.count, by: atOnce) {
            let some = first..<min(deleted.count, first + atOnce)
            deletions.removeCells()
            for place in some {
                let row = add(block, deleted[place])
                if layer > 0 {
                    (deletions.context.baseAddress + row * rowBytes)
                        .update(from: contexts.baseAddress + place * size, count: size)
                }
            }
            encoder.run(0..<layer, isAttended: true, &deletions)
            for place in some {
                deletions.show(place - first)
                try body(place, deletions)
            }
        }
    }

    private var rowBytes: Int { encoder.configuration.hiddenSize * encoder.precision.bytes }

    /// Hidden states 0 of one more deletion; their first row.
    private mutating func add(_ block: DeletionBlock, _ position: Int) -> Int {
        let (h, row, length) = (encoder.configuration.hiddenSize, deletions.rows, block.length - 1)
        precondition(row + length <= deletions.maximumLength, "no room in the workspace")
        let hidden = deletions.hidden.baseAddress + row * h
        let all = self.block.hidden.baseAddress
        hidden.update(from: all, count: position * h)
        (hidden + position * h).update(
            from: all + (position + block.positions.count - 1) * h, count: (length - position) * h)
        deletions.starts.append(row + length)
        return row
    }
}
