internal import HNSW
internal import LMDBStore
internal import Numerics

/// One call of ``Database/nearest(_:options:control:)``: queries come in batches, answers are gathered.
struct NearestSearch {
    private let options: NearestOptions
    private let snapshot: Snapshot
    private var filters: NeighborFilters
    private let limited: LimitedSearch?
    /// Names of category columns, as far as answers needed them.
    private var names: [Int: [String]] = [:]
    private var answers: [NearestAnswer.Query] = []
    private var methods: Set<String> = []
    private var candidates = 0

    private typealias Found = LimitedSearch.Found

    /// - Throws: as ``NeighborFilters`` and ``LimitedSearch``.
    init(
        _ options: NearestOptions, _ snapshot: Snapshot, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.options = options
        self.snapshot = snapshot
        filters = try NeighborFilters(options, snapshot, path: path, in: transaction)
        limited = try options.limit.map { try LimitedSearch($0, snapshot, path: path, in: transaction) }
    }

    /// Finds the neighbors of some queries.
    mutating func add(_ queries: ResolvedQueries, in transaction: borrowing ReadTransaction) throws {
        for (index, result) in try search(queries).enumerated() {
            var neighbors = result.neighbors
            if !queries.rows.isEmpty { neighbors.removeAll { $0.row == queries.rows[index] } }
            if let limit = options.maximumDistance { neighbors.removeAll { $0.distance > limit } }
            var cells: [NearestCell] = []
            for neighbor in neighbors.prefix(options.k) {
                cells.append(
                    NearestCell(
                        rank: cells.count + 1, cell: try StoredCells.id(ofRow: neighbor.row, in: transaction),
                        similarity: snapshot.set.metric.similarity(ofDistance: neighbor.distance),
                        distance: neighbor.distance,
                        obs: try StoredObs.values(
                            ofRow: neighbor.row, state: snapshot.state, names: &names, in: transaction)))
            }
            answers.append(
                .init(
                    name: queries.names[index], perturbation: options.edit.isEmpty ? nil : options.edit,
                    neighbors: cells))
            methods.formUnion(result.methods.map(\.rawValue))
            candidates += result.candidates
        }
    }

    private mutating func search(_ queries: ResolvedQueries) throws -> [Found] {
        var results = [Found](repeating: Found(), count: queries.vectors.rows)
        for group in try filters.groups(of: queries) {
            let vectors = queries.vectors(group.queries)
            let found =
                if let limited, limited.most < options.k {
                    search(
                        vectors, rows: queries.rows.isEmpty ? nil : group.queries.map { queries.rows[$0] }, group,
                        limited)
                } else {
                    search(vectors, isStored: !queries.rows.isEmpty, group)
                }
            for (query, result) in zip(group.queries, found) { results[query] = result }
        }
        return results
    }

    private var ef: Int { options.ef ?? snapshot.defaultEf }

    /// All of a group in one call.
    private func search(_ vectors: Matrix, isStored: Bool, _ group: NeighborFilters.Group) -> [Found] {
        // One more, for the query cell itself.
        let k = min(options.k, snapshot.state.rows) + (isStored ? 1 : 0)
        return options.exact
            ? ExactSearch.search(
                snapshot.set, queries: vectors, k: k, keeping: group.keeping, threads: options.threads
            ).map { Found(neighbors: $0, methods: [.exact], candidates: group.keeping.population) }
            : snapshot.index.search(
                queries: vectors, k: k, ef: ef, keeping: group.keepsAll ? nil : group.keeping, threads: options.threads
            ).map { Found(neighbors: $0.neighbors, methods: [$0.report.method], candidates: $0.report.candidates) }
    }

    /// One by one, since after the first round each query has rows of its own to choose from.
    ///
    /// - Parameter rows: of stored cells; nil for queries from outside.
    private func search(
        _ vectors: Matrix, rows: [Int]?, _ group: NeighborFilters.Group, _ limited: LimitedSearch
    ) -> [Found] {
        var answers = [Found](repeating: Found(), count: vectors.rows)
        answers.withUnsafeMutableBufferPointer { answers in
            nonisolated(unsafe) let answers = answers
            Parallel.forEach(vectors.rows, threads: options.threads, makeState: { SearchScratch() }) { scratch, query in
                let vector = Array(vectors[row: query])
                answers[query] = limited.nearest(
                    k: min(options.k, snapshot.state.rows), query: rows?[query], keeping: group.keeping,
                    keepsAll: group.keepsAll, within: options.maximumDistance
                ) { k, keeping in
                    if options.exact {
                        let single = Matrix(rows: 1, columns: vector.count, values: vector)
                        return Found(
                            neighbors: ExactSearch.search(
                                snapshot.set, queries: single, k: k, keeping: keeping, threads: 1)[0],
                            methods: [.exact], candidates: keeping?.population ?? snapshot.set.count)
                    }
                    let result = snapshot.index.search(vector, k: k, ef: ef, keeping: keeping, scratch: &scratch)
                    return Found(
                        neighbors: result.neighbors, methods: [result.report.method],
                        candidates: result.report.candidates)
                }
            }
        }
        return answers
    }

    /// All that was found.
    func answer(in transaction: borrowing ReadTransaction) throws -> NearestAnswer {
        let methods = methods.sorted()
        return NearestAnswer(
            model: try snapshot.model.map { try ModelSummary(StoredModel.record($0, in: transaction)) },
            queries: answers,
            search: .init(
                k: options.k, ef: methods.contains("graph") ? max(options.k, options.ef ?? snapshot.defaultEf) : nil,
                exact: methods == ["exact"], candidates: candidates, method: methods.joined(separator: "+")))
    }
}

extension Metric {
    /// Cosine or inner product; nil for l2, where nearness is a distance alone.
    func similarity(ofDistance distance: Float) -> Float? {
        switch self {
        case .cosine: 1 - distance
        case .ip: -distance
        case .l2: nil
        }
    }
}
