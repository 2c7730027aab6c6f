internal import AnnData
internal import LMDBStore
internal import Numerics

/// The labels of one obs column, by row, and how common each is.
struct LabelColumn {
    let name: String
    /// The labels; a code is an index into it.
    let labels: [String]
    /// By row; −1 for cells without a label.
    let codes: [Int32]
    /// Live cells of each label.
    let counts: [Int]
    /// Live cells that have one.
    let total: Int

    /// - Throws: ``EmbDBError/Code/usage`` for a column that is not there, with the nearest names, and for one that holds
    ///   fractions, with those that hold labels.
    init(
        _ name: String, option: String = "--label", _ snapshot: Snapshot, path: String,
        in transaction: borrowing ReadTransaction
    ) throws {
        let columns = snapshot.state.columns
        let usable = columns.filter { $0.kind != .number }.map(\.name)
        guard let number = columns.firstIndex(where: { $0.name == name }) else {
            let near = nearestNames(to: name, in: usable)
            throw EmbDBError(
                .usage,
                "\(option) \(name): there is no such obs column (\(path)): "
                    + (near.isEmpty ? Self.list(usable) : "did you mean \(near.joined(separator: " or "))?"))
        }
        self.name = name
        switch try StoredObs.column(number, state: snapshot.state, in: transaction) {
        case .categories(let codes, let names):
            (self.codes, labels) = (codes, names)
        case .integers(let values):
            // Clusters are often numbered.
            let numbers = Set(values.lazy.filter { $0 != .min }).sorted()
            let codeOf = Dictionary(uniqueKeysWithValues: numbers.enumerated().map { ($1, Int32($0)) })
            labels = numbers.map { String($0) }
            codes = values.map { codeOf[$0] ?? -1 }
        case .numbers, .text:
            throw EmbDBError(
                .usage, "\(option) \(name): the column holds numbers, not labels (\(path)): \(Self.list(usable))")
        }
        var counts = [Int](repeating: 0, count: labels.count)
        for row in snapshot.live.rows where codes[row] >= 0 { counts[Int(codes[row])] += 1 }
        self.counts = counts
        total = counts.reduce(0, +)
        guard total > 0 else {
            throw EmbDBError(.nothingFound, "no cell has a \(name) (\(path)): take another column")
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty
            ? "no obs column holds labels"
            : "there is \(names.prefix(10).joined(separator: ", "))" + (names.count > 10 ? ", …" : "")
    }
}
