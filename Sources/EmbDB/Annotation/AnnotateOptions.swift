/// Options of ``Database/annotate(_:options:writingTo:control:)``.
public struct AnnotateOptions: Sendable {
    /// How neighbors decide on a label.
    public enum Vote: String, Sendable, CaseIterable {
        /// One neighbor, one vote.
        case majority
        /// A near neighbor counts more than a far one: exp(−(d/σ)²), σ being the distance of the farthest neighbor, so
        /// that weights lie between 1 and 1/e in dense and in sparse surroundings. It is the adaptive kernel of MAGIC
        /// (van Dijk et al., Cell 174, 2018, https://doi.org/10.1016/j.cell.2018.05.061). Inner products have no zero:
        /// there, d and σ are counted from the nearest neighbor.
        case distance
        /// A vote is divided by its label's share of the database, so that rare labels are not outvoted by common ones.
        case prior
    }

    /// The obs columns to take labels from; none: the classes of the database's model, if it is a classifier of cells.
    public var labels: [String]
    /// Neighbors that vote.
    public var k = 15
    /// How they decide.
    public var vote = Vote.majority
    /// Length of the candidate list; nil: chosen at index time for recall ≥ 0.99; below k it counts as k.
    public var ef: Int?
    /// Decides which stored cells the threshold of "unknown" is learnt from.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// Labels from these obs columns; else the defaults above.
    public init(labels: [String]) { self.labels = labels }
}
