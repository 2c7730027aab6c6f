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
        guard let name = options.excludeSame else {
            excluded = nil
            return
        }
        guard let number = snapshot.state.columns.firstIndex(where: { $0.name == name }) else {
            throw EmbDBError(
                .usage,
                "--exclude-same \(name): there is no such obs column (\(path)): "
                    + obsColumnAdvice(for: name, among: snapshot.state.columns.map(\.name)))
        }
        excluded = ComparableColumn(
            name: name, try StoredObs.column(number, state: snapshot.state, in: transaction))
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

/// A column's values as numbers that are equal where the values are.
private struct ComparableColumn {
    let name: String
    /// By row; nil for missing ones.
    let values: [UInt64?]
    /// Of texts that cells have; empty for a column of numbers.
    private var numbers: [String: UInt64] = [:]
    private let read: @Sendable (String) -> UInt64?

    init(name: String, _ column: ObsColumn) {
        self.name = name
        switch column {
        case .categories(let codes, let names):
            values = codes.map { $0 < 0 ? nil : UInt64($0) }
            numbers = Dictionary(names.enumerated().map { ($1, UInt64($0)) }, uniquingKeysWith: { first, _ in first })
            read = { _ in nil }
        case .numbers(let all):
            values = all.map { $0.isNaN ? nil : $0.bitPattern }
            read = { Double($0)?.bitPattern }
        case .integers(let all):
            values = all.map { $0 == .min ? nil : UInt64(bitPattern: $0) }
            read = { Int64($0).map { UInt64(bitPattern: $0) } }
        case .text(let texts):
            var found: [String: UInt64] = [:]
            for case let text? in texts where found[text] == nil { found[text] = UInt64(found.count) }
            values = texts.map { $0.flatMap { found[$0] } }
            numbers = found
            read = { _ in nil }
        }
    }

    /// The number of a value that is given as text; nil if no cell has it.
    func number(of text: String) -> UInt64? { numbers[text] ?? read(text) }
}
