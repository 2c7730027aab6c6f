internal import HNSW
internal import LMDBStore
internal import Numerics

/// One call of ``Database/nearest(_:options:control:)``: queries come in batches, answers are gathered.
struct NearestSearch {
    private let options: NearestOptions
    private let snapshot: Snapshot
    private var filters: NeighborFilters
    /// Names of category columns, as far as answers needed them.
    private var names: [Int: [String]] = [:]
    private var answers: [NearestAnswer.Query] = []
    private var methods: Set<String> = []
    private var candidates = 0

    /// One query's neighbors and how they were found.
    private struct Found {
        let neighbors: [Neighbor]
        let method: SearchReport.Method
        let candidates: Int
    }

    /// - Throws: as ``NeighborFilters``.
    init(
        _ options: NearestOptions, _ snapshot: Snapshot, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        self.options = options
        self.snapshot = snapshot
        filters = try NeighborFilters(options, snapshot, path: path, in: transaction)
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
            methods.insert(result.method.rawValue)
            candidates += result.candidates
        }
    }

    private mutating func search(_ queries: ResolvedQueries) throws -> [Found] {
        let ef = options.ef ?? snapshot.defaultEf
        // One more, for the query cell itself.
        let k = min(options.k, snapshot.state.rows) + (queries.rows.isEmpty ? 0 : 1)
        var results = [Found?](repeating: nil, count: queries.vectors.rows)
        for group in try filters.groups(of: queries) {
            let vectors = queries.vectors(group.queries)
            let found: [Found] =
                options.exact
                ? ExactSearch.search(
                    snapshot.set, queries: vectors, k: k, keeping: group.keeping, threads: options.threads
                ).map { Found(neighbors: $0, method: .exact, candidates: group.keeping.population) }
                : snapshot.index.search(
                    queries: vectors, k: k, ef: ef, keeping: group.keepsAll ? nil : group.keeping,
                    threads: options.threads
                ).map { Found(neighbors: $0.neighbors, method: $0.report.method, candidates: $0.report.candidates) }
            for (query, result) in zip(group.queries, found) { results[query] = result }
        }
        return results.compactMap { $0 }
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
