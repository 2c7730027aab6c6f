/// Options of ``Database/perturb(options:control:)``.
public struct PerturbOptions: Sendable {
    /// The cells to be perturbed, by an expression over obs.
    public var cells: String
    /// Ensembl ids or symbols; nil: every gene of each cell.
    public var genes: [String]?
    /// What is done to a gene.
    public var mode = KnockoutOptions.Mode.delete
    /// All genes at once instead of one after the other.
    public var together = false
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
