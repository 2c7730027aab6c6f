/// Options of ``Database/knockouts(options:control:)``.
public struct KnockoutOptions: Sendable {
    /// What is done to a gene.
    public enum Mode: String, Sendable, CaseIterable {
        /// Its token is taken out of every cell that has it.
        case delete
        /// Its token is moved to the front, in every cell that has it.
        case overexpress
        /// Its token is moved down by ``quartiles`` of the cell's genes, to the middle of that quartile or to the end.
        case inhibit
        /// Its token is moved up by ``quartiles`` of the cell's genes, to the middle of that quartile or to the front.
        case activate

        /// Whether it changes a cell that has a gene at this place among so many.
        func isPossible(position: Int, of count: Int) -> Bool {
            switch self {
            case .delete: count > 1
            case .overexpress, .activate: position > 0
            case .inhibit: position < count - 1
            }
        }
    }

    /// Rankings that need no model.
    public enum Baseline: String, Sendable, CaseIterable {
        /// By how much more the `from` cells express a gene than the `to` cells.
        case expression
    }

    /// Whether estimates are used.
    public enum Screen: String, Sendable, CaseIterable {
        /// For deletions that cost less that way, if a check against exact ones says that the estimates are good.
        case auto
        /// Every number is measured.
        case off
    }

    /// The cells to be moved, by an expression over obs.
    public var from: String
    /// The cells to move them to.
    public var to: String
    /// Other states that shifts are reported for.
    public var alternatives: [String] = []
    /// Ensembl ids or symbols; nil: every gene of the `from` cells.
    public var genes: [String]?
    /// What is done to each gene.
    public var mode = Mode.delete
    /// By how many quartiles ``Mode/inhibit`` and ``Mode/activate`` move a gene: 1, 2 or 3.
    public var quartiles = 1
    /// At most so many `from` cells, drawn by ``seed``; nil: all.
    public var maximumCells: Int?
    /// Genes in fewer `from` cells are ``KnockoutRanking/rare``. nil: 1 if genes were named; else as many as a mean needs for
    /// half of its variance to be the gene's, but no fewer than 20 and no more than a quarter of the cells.
    public var minimumCells: Int?
    /// Whether deletions are estimated, all of a cell at the price of some fourteen passes, and only some measured.
    public var screen = Screen.auto
    /// Passes through the transformer as a share of those of the exact run, above 0 and up to 1. nil, and no
    /// ``seconds``: 1/100, but enough to estimate all cells and 500 more; it ends sooner where more would change little.
    public var budget: Double?
    /// It begins nothing new after so many seconds; what it finds then depends on the machine.
    public var seconds: Double?
    /// An obs column that names each cell's donor: cells are drawn evenly over donors, and intervals and p values are over
    /// donors instead of cells.
    public var donor: String?
    /// What the ranking is compared with.
    public var baseline: Baseline?
    /// An obs column that names what was done to each cell: instead of imagined perturbations those are ranked, by their own
    /// cells among the `from` cells against the control cells there. What is imagined stands beside them where the gene is
    /// known.
    public var observed: String?
    /// The label of cells that nothing was done to; nil: control, ctrl, NT or non-targeting.
    public var control: String?
    /// Neighbors of ``KnockoutRanking/Gene/neighborShift``.
    public var k = 10
    /// Decides which cells ``maximumCells`` draws.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// Moves cells that `from` selects towards those that `to` selects.
    public init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    /// - Throws: ``EmbDBError/Code/usage`` for numbers out of range.
    func check() throws(EmbDBError) {
        try Self.checkQuartiles(quartiles)
        guard k >= 1 else { throw EmbDBError(.usage, "k is \(k): give a whole number from 1") }
        if let budget, !(budget > 0 && budget <= 1) {
            throw EmbDBError(.usage, "the budget is \(budget): give a share of the exact run, above 0 and up to 1")
        }
        if let seconds, !(seconds > 0) { throw EmbDBError(.usage, "the time is \(seconds) s: give more than 0") }
    }

    static func checkQuartiles(_ quartiles: Int) throws(EmbDBError) {
        guard (1...3).contains(quartiles) else {
            throw EmbDBError(.usage, "genes are to move by \(quartiles) quartiles: give 1, 2 or 3")
        }
    }
}
