internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// The stored cells nearest to each query.
    ///
    /// A query cell is not its own neighbor. With genes to delete or overexpress, the query cells are embedded again
    /// from their stored tokens first. Few cells to choose from are compared one by one; many are searched through the
    /// graph, and the answer's distances are exact either way.
    ///
    /// - Throws: ``EmbDBError`` `unknownCell`, `unknownGene`, `expression`, `usage`, `nothingFound` (an expression that
    ///   selects no cell), `corrupted`.
    public func nearest(
        _ query: NearestQuery, options: NearestOptions = NearestOptions(), control: Control = Control()
    ) throws(EmbDBError) -> NearestAnswer {
        try withEmbDBErrors {
            guard options.k >= 1 else { throw EmbDBError(.usage, "k is \(options.k): give a whole number from 1") }
            return try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                var queries = try resolve(query, options, snapshot, control, transaction)
                if options.centroid { queries = try queries.centroid(named: query.centroidName) }
                let filters = try NeighborFilters(options, queries, snapshot, path: path, in: transaction)
                let found = search(queries, options, snapshot, filters)
                return try answer(queries, found, options, snapshot, transaction)
            }
        }
    }

    private func resolve(
        _ query: NearestQuery, _ options: NearestOptions, _ snapshot: Snapshot, _ control: Control,
        _ transaction: borrowing ReadTransaction
    ) throws -> ResolvedQueries {
        var rows: [Int] = []
        switch query {
        case .vectors(let vectors):
            return try ResolvedQueries(vectors: vectors, dimension: snapshot.settings.dimension)
        case .cells(let cells):
            if cells.isEmpty { throw EmbDBError(.usage, "there is no query cell: name at least one") }
            for cell in cells { rows.append(try snapshot.row(of: cell, path: path, in: transaction)) }
        case .selection(let text):
            rows = try StoredObs.select(text, state: snapshot.state, live: snapshot.live, in: transaction).rows
            if rows.isEmpty { throw EmbDBError(.nothingFound, "no cell is selected (\(text)): change the expression") }
        }
        var queries = ResolvedQueries(rows: rows, set: snapshot.set)
        for row in rows { queries.names.append(try StoredCells.id(ofRow: row, in: transaction)) }
        if !options.edit.isEmpty { try perturb(&queries, options, snapshot, control, transaction) }
        return queries
    }

    /// Replaces the query cells' stored embeddings by those of the changed cells.
    private func perturb(
        _ queries: inout ResolvedQueries, _ options: NearestOptions, _ snapshot: Snapshot, _ control: Control,
        _ transaction: borrowing ReadTransaction
    ) throws {
        let embedder = try StoredCellEmbedder(snapshot, threads: options.threads, path: path, in: transaction)
        let perturbation = try embedder.perturbation(options.edit)
        // By gene to delete: the queries that do not have it.
        var lacking = [[Int]](repeating: [], count: perturbation.deleted.count)
        let step = 64
        for start in stride(from: 0, to: queries.rows.count, by: step) {
            let range = start..<min(queries.rows.count, start + step)
            var inputs: [[UInt32]] = []
            for index in range {
                let ranking = try embedder.ranking(ofRow: queries.rows[index], in: transaction)
                let outcome = perturbation.applied(to: embedder.tokens(of: ranking), encoder: embedder.model.encoder)
                for (number, gene) in perturbation.deleted.enumerated() where !outcome.found.contains(gene) {
                    lacking[number].append(index)
                }
                guard outcome.tokens.count > embedder.model.vocabulary.specialsPerCell else {
                    throw EmbDBError(.usage, "no gene is left in cell \(queries.names[index]): delete fewer genes")
                }
                inputs.append(outcome.tokens)
            }
            queries.replaceVectors(range, by: try embedder.embed(inputs, control: control))
            control.progress(.init(unit: "cells", phase: "embedding", done: range.upperBound, total: queries.rows.count))
        }
        for (gene, cells) in zip(perturbation.deleted, lacking) where !cells.isEmpty {
            let who =
                cells.count == 1
                ? "cell \(queries.names[cells[0]]) does not"
                : "\(cells.count) of \(queries.rows.count) cells do not"
            control.warning(
                "\(who) have \(embedder.model.vocabulary.name(gene)) among the genes that the model reads: deleting it "
                    + "changes nothing there")
        }
    }

    private func search(
        _ queries: ResolvedQueries, _ options: NearestOptions, _ snapshot: Snapshot, _ filters: NeighborFilters
    ) -> [Found] {
        let ef = options.ef ?? snapshot.defaultEf
        // One more, for the query cell itself.
        let k = min(options.k, snapshot.state.rows) + (queries.rows.isEmpty ? 0 : 1)
        var results = [Found?](repeating: nil, count: queries.vectors.rows)
        for group in filters.groups {
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

    private func answer(
        _ queries: ResolvedQueries, _ found: [Found], _ options: NearestOptions, _ snapshot: Snapshot,
        _ transaction: borrowing ReadTransaction
    ) throws -> NearestAnswer {
        var names: [Int: [String]] = [:]
        var answers: [NearestAnswer.Query] = []
        for (index, result) in found.enumerated() {
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
        }
        let methods = Set(found.map(\.method.rawValue)).sorted()
        return NearestAnswer(
            queries: answers,
            search: .init(
                k: options.k, ef: methods.contains("graph") ? max(options.k, options.ef ?? snapshot.defaultEf) : nil,
                exact: methods == ["exact"], candidates: found.reduce(0) { $0 + $1.candidates },
                method: methods.joined(separator: "+")))
    }
}

/// One query's neighbors and how they were found.
private struct Found {
    let neighbors: [Neighbor]
    let method: SearchReport.Method
    let candidates: Int
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

extension NearestQuery {
    fileprivate var centroidName: String {
        switch self {
        case .cells(let cells): "centroid of \(cells.count) cells"
        case .selection(let text): "centroid of \(text)"
        case .vectors(let vectors): "centroid of \(vectors.count) vectors"
        }
    }
}
