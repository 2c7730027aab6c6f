internal import CellTransformer
internal import Numerics
internal import Tokenizers

/// Cells of random genes, for benchmarks: speed depends on lengths alone.
enum RandomCells {
    /// The tokens a cell: those asked for, or what the model takes.
    ///
    /// - Throws: ``EmbDBError/Code/usage``.
    static func length(_ asked: Int?, of model: EmbeddingModel) throws(EmbDBError) -> Int {
        let (least, most) = (model.vocabulary.specialsPerCell + 1, model.configuration.maximumLength)
        let length = asked ?? most
        guard length >= least, length <= most else {
            throw EmbDBError(.usage, "--length \(length): the model takes \(least) to \(most) tokens")
        }
        return length
    }

    /// So many cells of `length` tokens, special ones included.
    static func draw(_ count: Int, length: Int, of model: EmbeddingModel, seed: UInt64) -> [CellInput] {
        let genes = model.vocabulary.entries.filter { $0.median != nil }.map(\.token)
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in
            let ranking = (0..<length).map { _ in genes[Int(random.uniform() * Double(genes.count))] }
            var tokens: [UInt32] = []
            model.encoder.modelInput(
                of: Array(ranking.prefix(length - model.vocabulary.specialsPerCell)), into: &tokens)
            return model.input(tokens)
        }
    }
}
