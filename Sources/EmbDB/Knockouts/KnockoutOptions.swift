/// Options of ``Database/knockouts(options:control:)``.
public struct KnockoutOptions: Sendable {
    /// What is done to a gene.
    public enum Mode: String, Sendable, CaseIterable {
        /// Its token is taken out of every cell that has it.
        case delete
        /// Its token is moved to the front, in every cell that has it.
        case overexpress
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
    /// At most so many `from` cells, drawn by ``seed``; nil: all.
    public var maximumCells: Int?
    /// Genes in fewer `from` cells are not ranked.
    public var minimumCells = 1
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
}
