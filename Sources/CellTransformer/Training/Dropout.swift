internal import Numerics

/// Shares of numbers that are zeroed in training, and which ones: a hash of the step, the place in the model and the index,
/// so that the backward pass finds the same ones again and nothing depends on threads (see `ek_dropout`).
package struct Dropout: Sendable, Equatable {
    /// Of embeddings and of what attention and feed-forward blocks add to the residual stream.
    package var hidden: Float
    /// Of attention weights.
    package var attention: Float

    package init(hidden: Float = 0, attention: Float = 0) {
        self.hidden = hidden
        self.attention = attention
    }

    /// A place in the model.
    enum Site {
        case embeddings
        case attentionWeights(layer: Int, cell: Int, head: Int)
        case attentionOutput(layer: Int)
        case feedForward(layer: Int)
        case classifier
    }

    /// The stream of the numbers at `site` in the step that `seed` names, from index `offset` on.
    static func stream(_ seed: UInt64, _ site: Site, offset: Int = 0) -> UInt64 {
        let numbers: [UInt64] =
            switch site {
            case .embeddings: [0]
            case .attentionWeights(let layer, let cell, let head): [1, UInt64(layer), UInt64(cell), UInt64(head)]
            case .attentionOutput(let layer): [2, UInt64(layer)]
            case .feedForward(let layer): [3, UInt64(layer)]
            case .classifier: [4]
            }
        var state = seed
        for number in numbers { state = SeededRandom.mixed(state &+ 0x9e37_79b9_7f4a_7c15 &+ number) }
        // The index counts in the lower half.
        return state & ~0xffff_ffff | (state &+ UInt64(offset)) & 0xffff_ffff
    }
}
