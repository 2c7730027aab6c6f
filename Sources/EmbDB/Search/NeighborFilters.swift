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

    private let keeping: Bitmap
    private let excluded: ComparableColumn?
    /// Who is left beside the cells with a value of the excluded column.
    private var others: [UInt64: Bitmap] = [:]

    /// - Throws: `ExpressionError`; ``EmbDBError/Code/nothingFound`` if the expression leaves nobody; `usage` for an
    ///   unknown column.
    init(
        _ options: NearestOptions, _ snapshot: Snapshot, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        if let filter = options.filter {
            keeping = try StoredObs.select(filter, state: snapshot.state, live: snapshot.live, in: transaction)
            if keeping.population == 0 {
                throw EmbDBError(.nothingFound, "no cell may be a neighbor (--where \(filter)): change the expression")
            }
        } else {
            keeping = snapshot.live
        }
        excluded = try options.excludeSame.map { name in
            try ComparableColumn(name, option: "--exclude-same", snapshot, path: path, in: transaction)
        }
    }

    /// In the order of each group's first query, so that two runs do the same.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if a column is to be compared and the queries have no obs.
    mutating func groups(of queries: ResolvedQueries) throws -> [Group] {
        let all = Array(0..<queries.vectors.rows)
        guard let excluded else {
            return [Group(queries: all, keeping: keeping, keepsAll: keeping.population == keeping.count)]
        }
        let own: [UInt64?]
        if let texts = queries.texts {
            own = texts.map { $0.flatMap(excluded.number(of:)) }
        } else if !queries.rows.isEmpty {
            own = queries.rows.map { excluded.values[$0] }
        } else {
            throw EmbDBError(
                .usage, "--exclude-same \(excluded.name): the query is no cell and has no obs: leave it out")
        }
        let byValue = Dictionary(grouping: all) { own[$0] }
        return byValue.sorted { $0.value[0] < $1.value[0] }.map { value, members in
            let kept = value.map { rows(without: $0, in: excluded) } ?? keeping
            return Group(queries: members, keeping: kept, keepsAll: kept.population == kept.count)
        }
    }

    private mutating func rows(without value: UInt64, in column: ComparableColumn) -> Bitmap {
        if let known = others[value] { return known }
        var rows = keeping
        for row in column.values.indices where column.values[row] == value { rows[row] = false }
        others[value] = rows
        return rows
    }
}
