internal import AnnData
internal import HNSW
internal import LMDBStore
internal import Numerics

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
                var queries: ResolvedQueries
                switch query {
                case .file(let file):
                    return try nearest(
                        toCellsOf: file, named: query.centroidName, options, snapshot, control, transaction)
                case .vectors(let vectors):
                    queries = try ResolvedQueries(vectors: vectors, dimension: snapshot.settings.dimension)
                    try queries.requireComparable(snapshot.set.metric)
                case .cells(let cells):
                    if cells.isEmpty { throw EmbDBError(.usage, "there is no query cell: name at least one") }
                    var rows: [Int] = []
                    for cell in cells { rows.append(try snapshot.row(of: cell, path: path, in: transaction)) }
                    queries = try stored(rows, options, snapshot, control, transaction)
                case .selection(let text):
                    let rows = try StoredObs.select(
                        text, state: snapshot.state, live: snapshot.live, in: transaction
                    ).rows
                    if rows.isEmpty {
                        throw EmbDBError(.nothingFound, "no cell is selected (\(text)): change the expression")
                    }
                    queries = try stored(rows, options, snapshot, control, transaction)
                }
                if options.centroid { queries = try queries.centroid(named: query.centroidName) }
                var search = try NearestSearch(options, snapshot, path: path, in: transaction)
                try search.add(queries, in: transaction)
                return try search.answer(in: transaction)
            }
        }
    }

    /// Embeds and searches batch by batch.
    private func nearest(
        toCellsOf file: QueryFile, named name: String, _ options: NearestOptions, _ snapshot: Snapshot,
        _ control: Control,
        _ transaction: borrowing ReadTransaction
    ) throws -> NearestAnswer {
        var search = try NearestSearch(options, snapshot, path: path, in: transaction)
        var cells = try FileCells(
            file, edit: options.edit, threads: options.threads, snapshot, path: path, control: control, in: transaction)
        let compared = try options.centroid ? nil : options.excludeSame.map { try cells.source.column(toCompare: $0) }
        var mean = MeanVector(dimension: snapshot.settings.dimension)
        while let batch = try cells.nextBatch(control: control) {
            if options.centroid {
                mean.add(batch.vectors)
            } else {
                let texts = try compared.map { try $0.texts(ofRows: batch.rows) }
                try search.add(ResolvedQueries(batch, texts: texts), in: transaction)
            }
        }
        try cells.finish(control: control)
        if options.centroid {
            try search.add(
                ResolvedQueries(mean, named: name), in: transaction)
        }
        return try search.answer(in: transaction)
    }

    /// Stored cells as queries.
    private func stored(
        _ rows: [Int], _ options: NearestOptions, _ snapshot: Snapshot, _ control: Control,
        _ transaction: borrowing ReadTransaction
    ) throws -> ResolvedQueries {
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
        var editor = try CellEditor(embedder, options.edit)
        let step = 64
        for start in stride(from: 0, to: queries.rows.count, by: step) {
            let range = start..<min(queries.rows.count, start + step)
            var inputs: [[UInt32]] = []
            for index in range {
                let ranking = try embedder.ranking(ofRow: queries.rows[index], in: transaction)
                inputs.append(try editor.apply(to: embedder.tokens(of: ranking), of: queries.names[index]))
            }
            queries.replaceVectors(range, by: try embedder.embed(inputs, control: control))
            control.progress(
                .init(unit: "cells", phase: "embedding", done: range.upperBound, total: queries.rows.count))
        }
        editor.warn(control)
    }
}

extension CellSource {
    /// The file's obs column for `--exclude-same`.
    fileprivate func column(toCompare name: String) throws -> Column {
        guard file.obs.columnNames.contains(name) else {
            throw EmbDBError(
                .usage,
                "--exclude-same \(name): the file has no such obs column (\(path)): "
                    + obsColumnAdvice(for: name, among: file.obs.columnNames))
        }
        return try file.obs.column(named: name)
    }
}

extension Column {
    /// Values of some rows, which ascend.
    fileprivate func texts(ofRows rows: [Int]) throws -> [String?] {
        guard let first = rows.first, let last = rows.last else { return [] }
        let texts = try readTexts(rows: first..<last + 1)
        return rows.map { texts[$0 - first] }
    }
}

extension NearestQuery {
    fileprivate var centroidName: String {
        switch self {
        case .cells(let cells): "centroid of \(cells.count == 1 ? "1 cell" : "\(cells.count) cells")"
        case .selection(let text): "centroid of \(text)"
        case .vectors(let vectors): "centroid of \(vectors.count == 1 ? "1 vector" : "\(vectors.count) vectors")"
        case .file(let file): "centroid of \(file.path)"
        }
    }
}
