/// What ``Database/annotate(_:options:writingTo:control:)`` found out.
public struct Annotation: Sendable {
    /// What a cell's neighbors decided for one obs column.
    public struct Decision: Sendable, Equatable {
        /// The label with the most weight; nil if no neighbor has one.
        public let label: String?
        /// The label's share of the weight of all neighbors that have one, 0…1; nil without a label.
        public let confidence: Double?
        /// The label with the second most weight; nil if the neighbors agree.
        public let runnerUp: String?
    }

    /// A labelled cell.
    public struct Cell: Sendable {
        /// Its id in the file.
        public let cell: String
        /// Its row in the file.
        public let row: Int
        /// One for each obs column, in the order of the options.
        public let decisions: [Decision]
        /// How far the nearest stored cell is.
        public let nearestDistance: Float
        /// Whether that is farther than ``Annotation/unknownBeyond``: the database may not know the cell's kind.
        public let isUnknown: Bool
        /// What the model's classifier gives each of ``Annotation/classes``; empty where neighbors voted.
        public let probabilities: [Float]
    }

    /// The obs columns; "class" alone where the model's classifier decided.
    public let labels: [String]
    /// The classes of the model's classifier, if it decided; its probability is the confidence then.
    public let classes: [String]
    /// In the order of the file; cells without a gene that the model knows are not among them.
    public let cells: [Cell]
    /// Chosen cells without a gene that the model knows.
    public let cellsWithoutKnownGene: Int
    /// The 99th percentile of stored cells' distances to the nearest other stored cell; nil if there is just one cell.
    public let unknownBeyond: Float?
    /// The model that made the embeddings; nil for imported ones.
    public let model: ModelSummary?
}
