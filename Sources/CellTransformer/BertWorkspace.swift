internal import Numerics

/// Scratch memory of one thread for one cell at a time, allocated once for the longest cell it will see; and the
/// hidden states of the last forward pass.
package struct BertWorkspace: ~Copyable {
    /// Queries whose scores against all keys are in memory at a time: few enough for the cache, enough for a good
    /// matrix product.
    static let queryTile = 256

    package let configuration: BertConfiguration
    /// The longest cell it has room for, in tokens.
    package let maximumLength: Int
    /// Tokens of the cell that was run last; 0 before the first.
    package internal(set) var length = 0
    /// The layer whose hidden states are held: 0 for the embeddings, l for what layer l gave.
    package internal(set) var layer = 0

    /// [length, h]
    let hidden: AlignedBuffer<Float>
    /// [length, 3h]: query, key and value of a position side by side.
    let queryKeyValue: AlignedBuffer<Float>
    /// [length, h]: what attention gathers, before its output layer.
    let context: AlignedBuffer<Float>
    /// [length, h]: output of a linear layer, before residual and norm.
    let projected: AlignedBuffer<Float>
    /// [length, f]
    let feedForward: AlignedBuffer<Float>
    /// [queryTile, scoreStride]
    let scores: AlignedBuffer<Float>
    /// Floats from a row of scores to the next one: the length, rounded up to a cache line.
    let scoreStride: Int

    /// Room for cells of up to `maximumLength` tokens, but no more than the model has positions.
    package init(_ configuration: BertConfiguration, maximumLength: Int = .max) {
        let length = max(1, min(maximumLength, configuration.maximumLength))
        let h = configuration.hiddenSize
        self.configuration = configuration
        self.maximumLength = length
        hidden = AlignedBuffer(repeating: 0, count: length * h)
        queryKeyValue = AlignedBuffer(repeating: 0, count: length * 3 * h)
        context = AlignedBuffer(repeating: 0, count: length * h)
        projected = AlignedBuffer(repeating: 0, count: length * h)
        feedForward = AlignedBuffer(repeating: 0, count: length * configuration.feedForwardSize)
        scoreStride = (length + 15) / 16 * 16
        scores = AlignedBuffer(repeating: 0, count: min(Self.queryTile, length) * scoreStride)
    }
}
