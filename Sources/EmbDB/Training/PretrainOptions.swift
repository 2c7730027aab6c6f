/// Options of ``Training/pretrain(_:into:options:control:)``; the defaults are those of Geneformer V1, in small.
public struct PretrainOptions: Sendable {
    /// What numbers the model is written in.
    public enum Weights: String, Sendable, CaseIterable {
        case f32
        /// Half the bytes; what it was trained with is rounded to 11 significant bits.
        case f16
    }

    /// How the learning rate falls after its warm-up.
    public enum Schedule: String, Sendable, CaseIterable {
        /// In a line to 0.
        case linear
        /// As half a period of a cosine, to 0.
        case cosine
    }

    /// A model folder, or "default", to go on from, with its vocabulary, medians and sizes; nil: a new model.
    public var from: String?
    /// Where the dictionaries of ``from`` lie if not in its folder or beside it.
    public var dictionaries: String?

    /// Transformer layers of a new model; nil: 4.
    public var layers: Int?
    /// Width of a new model's hidden states; nil: 128.
    public var hidden: Int?
    /// Attention heads of a new model's layers; nil: 4.
    public var heads: Int?
    /// Width between a new model's feed-forward matrices; nil: twice ``hidden``.
    public var feedForward: Int?
    /// Tokens read of a cell, at most; nil: 1024, or what the model reads that is gone on from.
    public var length: Int?
    /// A new model's medians and vocabulary are made from cells with at least so many genes: of a panel of genes the cell's
    /// total says little.
    public var minimumGenes = 200
    /// A gene that fewer of these cells have gets no token.
    public var minimumCells = 3

    /// Steps; nil: ``epochs`` over all cells.
    public var steps: Int?
    /// Passes over all cells, if ``steps`` is nil.
    public var epochs = 3
    /// Cells of a step.
    public var batch = 12
    /// The highest learning rate.
    public var learningRate = 1e-3
    /// The share of the steps in which the learning rate rises to it.
    public var warmup = 0.05
    /// How it falls then.
    public var schedule = Schedule.linear
    /// AdamW's, of matrices alone.
    public var weightDecay = 0.001
    /// The share of hidden states, and of attention weights, that is dropped.
    public var dropout = 0.02
    /// The share of cells that are held out: nothing is learned from them.
    public var holdOut = 0.05

    /// What the model is written in.
    public var weights = Weights.f32

    /// Which cells.
    public var corpus = CorpusOptions()
    /// Go on with the training that the folder holds; begin one if it holds none.
    public var resume = false
    /// How often what was learned is written down; what a kill costs.
    public var minutesBetweenCheckpoints = 5.0
    /// Decides about start, order, hidden genes, dropout and which cells are held out.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more; the result is the same for any number.
    public var threads = Database.availableThreads

    /// The defaults above.
    public init() {}

    // Sizes of a new model.
    var layerCount: Int { layers ?? 4 }
    var hiddenSize: Int { hidden ?? 128 }
    var headCount: Int { heads ?? 4 }
    var feedForwardSize: Int { feedForward ?? 2 * hiddenSize }

    /// - Throws: ``EmbDBError/Code/usage`` with the option's name.
    func check() throws(EmbDBError) {
        func require(_ isFine: Bool, _ text: @autoclosure () -> String) throws(EmbDBError) {
            if !isFine { throw EmbDBError(.usage, text()) }
        }
        // Of a model's sizes what config.json may say; of the others what no product of two overflows with.
        let numbers: [(name: String, value: Int?, limit: Int)] = [
            ("--layers", layers, 1 << 10), ("--hidden", hidden, 1 << 16), ("--heads", heads, 1 << 12),
            ("--feed-forward", feedForward, 1 << 18), ("--length", length, 1 << 20), ("--steps", steps, 1 << 32),
            ("--epochs", epochs, 1 << 20), ("--batch", batch, 1 << 20), ("--min-genes", minimumGenes, 1 << 40),
            ("--min-cells", minimumCells, 1 << 40), ("--sample", corpus.sample, 1 << 40),
        ]
        for (name, value, limit) in numbers {
            guard let value else { continue }
            try require((1...limit).contains(value), "\(name) \(value): give a whole number from 1 to \(limit)")
        }
        try require(
            learningRate > 0 && learningRate <= 1, "--learning-rate \(learningRate): give a number above 0, up to 1")
        for (name, value) in [("--warmup", warmup), ("--dropout", dropout), ("--hold-out", holdOut)] {
            try require(value >= 0 && value < 1, "\(name) \(value): give a share, from 0 to below 1")
        }
        try require(weightDecay >= 0 && weightDecay <= 1, "--weight-decay \(weightDecay): give a number from 0 to 1")
        try require(
            minutesBetweenCheckpoints > 0, "--checkpoint-minutes \(minutesBetweenCheckpoints): give a number above 0")
        guard from != nil else {
            try require(
                hiddenSize.isMultiple(of: headCount),
                "--hidden \(hiddenSize), --heads \(headCount): give a width that is a multiple of the heads")
            try require(
                dictionaries == nil, "--dictionaries: it goes with --from: leave it out, or give a model to go on from")
            return
        }
        for (name, value) in [
            ("--layers", layers), ("--hidden", hidden), ("--heads", heads), ("--feed-forward", feedForward),
        ] where value != nil {
            throw EmbDBError(
                .usage, "\(name): a model that is gone on from keeps its sizes: leave it out, or leave --from out")
        }
    }

    /// All that decides about the result but the cells, for telling one training from another.
    var text: String {
        func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "-" }
        let values: [(String, String)] = [
            ("layers", text(layers)), ("hidden", text(hidden)), ("heads", text(heads)),
            ("feed-forward", text(feedForward)), ("length", text(length)), ("min-genes", text(minimumGenes)),
            ("min-cells", text(minimumCells)), ("steps", text(steps)), ("epochs", text(epochs)), ("batch", text(batch)),
            ("learning-rate", text(learningRate)), ("warmup", text(warmup)), ("schedule", schedule.rawValue),
            ("weight-decay", text(weightDecay)), ("dropout", text(dropout)), ("hold-out", text(holdOut)),
            ("seed", text(seed)), ("weights", weights.rawValue), ("layer", text(corpus.layer)),
            ("values", corpus.values.rawValue), ("gene-column", text(corpus.geneColumn)),
            ("cell-column", text(corpus.cellColumn)), ("where", text(corpus.filter)), ("sample", text(corpus.sample)),
        ]
        return values.map { "\($0) \($1)" }.joined(separator: "\n")
    }
}
