internal import AnnData
internal import LMDBStore
internal import Numerics

/// Who may be a neighbor of which query: queries that share a filter are searched together.
struct NeighborFilters {
    struct Group {
        /// Numbers of the queries.
        var queries: [Int]
        let keeping: Bitmap
        let keepsAll: Bool
    }

    private(set) var groups: [Group] = []

    /// - Throws: `ExpressionError`; ``EmbDBError/Code/nothingFound`` if the expression leaves nobody; `usage` for an
    ///   unknown column.
    init(
        _ options: NearestOptions, _ queries: ResolvedQueries, _ snapshot: Snapshot, path: String,
        in transaction: borrowing ReadTransaction
    ) throws {
        var keeping = snapshot.live
        if let filter = options.filter {
            keeping = try StoredObs.select(filter, state: snapshot.state, live: snapshot.live, in: transaction)
            if keeping.population == 0 {
                throw EmbDBError(.nothingFound, "no cell may be a neighbor (--where \(filter)): change the expression")
            }
        }
        let all = Array(0..<queries.vectors.rows)
        guard let name = options.excludeSame else {
            groups = [Group(queries: all, keeping: keeping, keepsAll: keeping.population == keeping.count)]
            return
        }
        guard !queries.rows.isEmpty else {
            throw EmbDBError(.usage, "--exclude-same \(name): the query is no stored cell and has no obs: leave it out")
        }
        guard let number = snapshot.state.columns.firstIndex(where: { $0.name == name }) else {
            let columns = snapshot.state.columns.map(\.name)
            let near = nearestNames(to: name, in: columns)
            throw EmbDBError(
                .usage,
                "--exclude-same \(name): there is no such obs column (\(path)): "
                    + (near.isEmpty ? "there is \(columns.joined(separator: ", "))" : "did you mean \(near[0])?"))
        }
        let values = try Self.comparable(StoredObs.column(number, state: snapshot.state, in: transaction))
        let byValue = Dictionary(grouping: all) { values[queries.rows[$0]] }
        // In the order of the first query, so that two runs do the same.
        for (value, members) in byValue.sorted(by: { $0.value[0] < $1.value[0] }) {
            var others = keeping
            if let value { for row in values.indices where values[row] == value { others[row] = false } }
            groups.append(Group(queries: members, keeping: others, keepsAll: others.population == others.count))
        }
    }

    /// A column's values as numbers that are equal where the values are; nil for missing ones.
    private static func comparable(_ column: ObsColumn) -> [UInt64?] {
        switch column {
        case .categories(let codes, _): return codes.map { $0 < 0 ? nil : UInt64($0) }
        case .numbers(let values): return values.map { $0.isNaN ? nil : $0.bitPattern }
        case .integers(let values): return values.map { $0 == .min ? nil : UInt64(bitPattern: $0) }
        case .text(let texts):
            var numbers: [String: UInt64] = [:]
            for case let text? in texts where numbers[text] == nil { numbers[text] = UInt64(numbers.count) }
            return texts.map { $0.flatMap { numbers[$0] } }
        }
    }
}
