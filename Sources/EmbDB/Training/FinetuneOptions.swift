/// Options of ``Training/finetune(_:from:into:options:control:)``; the defaults are those of Geneformer where it has some.
public struct FinetuneOptions: Sendable {
    /// What the model learns to tell apart.
    public enum Task: Sendable {
        /// Cells, by an obs column.
        case cell(label: String)
        /// Genes, by a table of genes and classes (tab separated, with a header).
        case gene(classes: String)
    }

    /// How much an example of a class counts.
    public enum ClassWeights: String, Sendable, CaseIterable {
        /// The less, the more of them there are: all classes count alike in sum.
        case balanced
        /// All examples alike.
        case none
    }

    /// What is told apart, and where the classes are.
    public var task: Task
    /// Where the dictionaries lie if not in the model's folder or beside it.
    public var dictionaries: String?

    /// Passes over the cells, at most.
    public var epochs = 10
    /// The loss of the cells held out for it has to fall within so many passes, or learning ends.
    public var patience = 2
    /// Cells of a step.
    public var batch = 12
    /// The highest learning rate; nil: 5e-5, as in Geneformer, and 5e-4 for models narrower than 256, which bear more and
    /// have less time.
    public var learningRate: Double?
    /// The share of the steps in which the learning rate rises to it.
    public var warmup = 0.1
    /// How it falls then.
    public var schedule = PretrainOptions.Schedule.linear
    /// AdamW's, of matrices alone.
    public var weightDecay = 0.001
    /// The share of hidden states, and of attention weights, that is dropped.
    public var dropout = 0.02
    /// The first so many layers stay as they are; embeddings learn all the same, as in Geneformer.
    public var freezeLayers = 0
    /// How classes of different size count.
    public var classWeights = ClassWeights.balanced
    /// Tokens read of a cell, at most, and positions of the new model; nil: as many as the model has that is begun with.
    public var length: Int?

    /// An obs column (donor, say) whose values are never divided between learning and testing.
    public var group: String?
    /// Parts of a cross-validation; 1: one part is tested, see ``holdOut``.
    public var folds = 1
    /// The share of cells, or genes, that are tested if ``folds`` is 1: as one of 2, 3, 4 … equal parts, whose share is
    /// nearest.
    public var holdOut = 0.2
    /// The share of the others whose loss says when to stop, divided alike.
    public var validation = 0.1
    /// A class with fewer cells, or genes, is left out.
    public var minimumOfClass = 10
    /// So many cells of each class, drawn by the seed; nil: all.
    public var maximumOfClass: Int?
    /// Of the cells that have genes to learn from, so many are drawn by the seed, for learning and for testing; the task of
    /// genes only.
    public var maximumCells = 10_000

    /// Which cells.
    public var corpus = CorpusOptions()
    /// Decides about start, split, order and dropout.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more; the result is the same for any number.
    public var threads = Database.availableThreads

    /// The defaults above.
    public init(_ task: Task) { self.task = task }

    /// - Throws: ``EmbDBError/Code/usage`` with the option's name.
    func check() throws(EmbDBError) {
        for (name, value) in [
            ("--epochs", epochs), ("--patience", patience), ("--batch", batch), ("--folds", folds),
            ("--min-of-class", minimumOfClass), ("--max-of-class", maximumOfClass), ("--max-cells", maximumCells),
            ("--length", length), ("--sample", corpus.sample),
        ] {
            guard let value, !(1...1 << 40).contains(value) else { continue }
            throw EmbDBError(.usage, "\(name) \(value): give a whole number from 1")
        }
        if freezeLayers < 0 { throw EmbDBError(.usage, "--freeze-layers \(freezeLayers): give a whole number from 0") }
        if let learningRate, !(learningRate > 0 && learningRate <= 1) {
            throw EmbDBError(.usage, "--learning-rate \(learningRate): give a number above 0, up to 1")
        }
        for (name, value) in [("--warmup", warmup), ("--dropout", dropout)] where !(value >= 0 && value < 1) {
            throw EmbDBError(.usage, "\(name) \(value): give a share, from 0 to below 1")
        }
        for (name, value) in [("--hold-out", holdOut), ("--validation", validation)]
        where !(value > 0 && value <= 0.5) {
            throw EmbDBError(.usage, "\(name) \(value): give a share above 0, up to 0.5")
        }
        guard weightDecay >= 0, weightDecay <= 1 else {
            throw EmbDBError(.usage, "--weight-decay \(weightDecay): give a number from 0 to 1")
        }
    }
}
