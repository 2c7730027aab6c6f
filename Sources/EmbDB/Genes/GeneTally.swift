internal import CellTransformer
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// What is known of the genes' hidden states in some rows of the database: sums over all these cells, and over those of
/// each value of one obs column.
struct GeneTally {
    struct Group {
        /// nil for all cells.
        let value: String?
        var cells = 0
    }

    /// The column whose values are groups; nil for none.
    let column: String?
    /// Rows whose cells are in the sums.
    var counted: Bitmap
    private(set) var sums: GeneSums
    /// All cells first.
    private(set) var groups: [Group] = []
    private var groupOfValue: [String: Int] = [:]

    /// - Parameter cells: of all cells' group.
    /// - Throws: as ``addGroup(_:cells:)``.
    init(
        column: String?, counted: Bitmap, cells: Int = 0, tokenCount: Int, dimension: Int
    ) throws(TransformerError) {
        self.column = column
        self.counted = counted
        sums = GeneSums(tokenCount: tokenCount, dimension: dimension)
        try addGroup(nil, cells: cells)
    }

    /// - Throws: `TransformerError` `notEnoughMemory` if the system refuses it.
    mutating func addGroup(_ value: String?, cells: Int = 0) throws(TransformerError) {
        try sums.addGroup()
        if let value { groupOfValue[value] = groups.count }
        groups.append(Group(value: value, cells: cells))
    }

    /// The groups of a cell that is about to be counted (or taken away), by its value in ``column``.
    ///
    /// - Throws: as ``addGroup(_:cells:)``.
    mutating func groups(of value: String?, takingAway: Bool = false) throws(TransformerError) -> [Int] {
        var found = [0]
        if let value {
            if groupOfValue[value] == nil { try addGroup(value) }
            if let group = groupOfValue[value] { found.append(group) }
        }
        for group in found { groups[group].cells += takingAway ? -1 : 1 }
        return found
    }

    mutating func set(_ token: UInt32, group: Int, cells: Int, sums: UnsafeBufferPointer<Int64>) {
        self.sums.set(token, group: group, cells: cells, sums: sums)
    }

    /// The first rows are counted up to `rows`.
    mutating func count(upTo rows: Int) {
        guard rows > counted.count else { return }
        var longer = Bitmap(count: rows, filled: true)
        for row in 0..<counted.count where !counted[row] { longer[row] = false }
        counted = longer
    }

    /// Runs stored cells through the model and adds them, or takes them away. ``counted`` stays as it is.
    mutating func add(
        storedRows rows: [Int], takingAway: Bool, labels: GroupLabels?, model: EmbeddingModel, embedder: CellEmbedder,
        in transaction: borrowing ReadTransaction, cellDone: @Sendable () -> Bool
    ) throws {
        var cell = RankedCell()
        var tokens: [UInt32] = []
        var inputs: [CellInput] = []
        var groups: [[Int]] = []
        for row in rows {
            try StoredCells.ranking(
                ofRow: row, vocabularyCount: model.vocabulary.count, into: &cell, in: transaction)
            model.encoder.modelInput(of: cell.tokens, into: &tokens)
            inputs.append(model.input(tokens))
            groups.append(try self.groups(of: labels?[row], takingAway: takingAway))
        }
        let (sums, cells, groupsOfCell) = (sums, inputs, groups)
        try embedder.forEach(inputs) { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
            try sums.add(cells[index], of: workspace, to: groupsOfCell[index], takingAway: takingAway)
            guard cellDone() else { throw TransformerError(.stopped, detail: "stopped") }
        }
    }
}
