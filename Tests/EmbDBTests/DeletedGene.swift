import CellTransformer
import Numerics
import Synchronization
import Testing

/// What is left of a cell without one gene, embedded as deletions are, alone: and as any cell is, with which it must agree but
/// for rounding.
struct DeletedGene {
    let embedding: [Float]
    /// Of all tokens that are left.
    let states: Matrix

    /// - Parameter tokens: as the model reads them, special ones included.
    init(_ position: Int, of tokens: [UInt32], _ weights: BertWeights, isV2: Bool) throws {
        let embedder = CellEmbedder(weights, pooling: isV2 ? .cls : .mean, threads: 1)
        func input(_ tokens: [UInt32]) -> CellInput {
            CellInput(tokens: tokens, genes: isV2 ? 1..<tokens.count - 1 : 0..<tokens.count)
        }
        let lent = Mutex<Matrix?>(nil)
        let found = try DeletionEmbedder(embedder).embed(
            [input(tokens)], [.init(cell: 0, position: position)],
            lending: { (_, workspace: borrowing BertWorkspace) throws(TransformerError) in
                let states = try workspace.hiddenStates()
                lent.withLock { $0 = states }
            })
        embedding = found.values
        states = try #require(lent.withLock { $0 })
        var shortened = tokens
        shortened.remove(at: position)
        let plain = try embedder.embed([input(shortened)])
        for (a, b) in zip(embedding, plain.values) {
            #expect((a - b).magnitude < 1e-5, "position \(position) of \(tokens.count)")
        }
    }
}
