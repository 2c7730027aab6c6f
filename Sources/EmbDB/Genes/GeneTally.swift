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

    /// As many groups, and bytes for the sums of all of them, are taken on.
    static let largestGroupCount = 200
    static let largestBytes = 4 << 30

    /// The column whose values are groups; nil for none.
    let column: String?
    /// Rows whose cells are in the sums.
    var counted: Bitmap
    private(set) var sums: GeneSums
    /// All cells first.
    private(set) var groups: [Group] = []
    private var groupOfValue: [String: Int] = [:]

    /// - Parameter cells: of all cells' group.
    init(column: String?, counted: Bitmap, cells: Int = 0, tokenCount: Int, dimension: Int) {
        self.column = column
        self.counted = counted
        sums = GeneSums(tokenCount: tokenCount, dimension: dimension)
        addGroup(nil, cells: cells)
    }

    /// - Throws: ``EmbDBError/Code/usage`` if so many groups are too many.
    static func checkRoom(
        for groups: Int, column: String, tokenCount: Int, dimension: Int
    ) throws(EmbDBError) {
        let mebibytes = tokenCount * dimension * 8 >> 20
        let most = max(1, min(largestGroupCount, largestBytes / max(1, tokenCount * dimension * 8) - 1))
        guard groups > most else { return }
        throw EmbDBError(
            .usage,
            "--group-genes-by \(column): the obs column has \(groups) values, the sums of each take up to \(mebibytes) "
                + "MiB: name a column of at most \(most) values")
    }

    mutating func addGroup(_ value: String?, cells: Int = 0) {
        if let value { groupOfValue[value] = groups.count }
        groups.append(Group(value: value, cells: cells))
        sums.addGroup()
    }

    /// The groups of a cell that is about to be counted (or taken away), by its value in ``column``.
    mutating func groups(of value: String?, takingAway: Bool = false) -> [Int] {
        var found = [0]
        if let value {
            if groupOfValue[value] == nil { addGroup(value) }
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
            groups.append(self.groups(of: labels?[row], takingAway: takingAway))
        }
        let (sums, cells, groupsOfCell) = (sums, inputs, groups)
        try embedder.forEach(inputs) { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
            try sums.add(cells[index], of: workspace, to: groupsOfCell[index], takingAway: takingAway)
            guard cellDone() else { throw TransformerError(.stopped, detail: "stopped") }
        }
    }
}
