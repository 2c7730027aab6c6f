/// Options of ``Database/perturb(options:control:)``.
public struct PerturbOptions: Sendable {
    /// The cells to be perturbed, by an expression over obs.
    public var cells: String
    /// Ensembl ids or symbols; nil: every gene of each cell.
    public var genes: [String]?
    /// What is done to a gene.
    public var mode = KnockoutOptions.Mode.delete
    /// By how many quartiles inhibition and activation move a gene: 1, 2 or 3.
    public var quartiles = 1
    /// All genes at once instead of one after the other.
    public var together = false
    /// A gene that is perturbed together with each of the others, in cells that have both.
    public var anchor: String?
    /// Pairs, triples, … that are perturbed together, in cells that have all of one, instead of ``genes``.
    public var sets: [[String]]?
    /// Whether it is told which genes' own hidden states a perturbation changes.
    public var affectedGenes = false
    /// How many stored cells are named that are nearest before and after; 0 for none.
    public var neighbors = 0
    /// The state that shifts are measured towards, by an expression over obs; nil: no shifts.
    public var toward: String?
    /// At most so many cells, drawn by ``seed``; nil: all.
    public var maximumCells: Int?
    /// Decides which cells ``maximumCells`` draws.
    public var seed: UInt64 = 0
    /// Threads to compute on, 1 or more.
    public var threads = Database.availableThreads

    /// Perturbs `genes` (nil: all) in the cells that `cells` selects.
    public init(cells: String, genes: [String]?) {
        self.cells = cells
        self.genes = genes
    }
}
