internal import HNSW
internal import LMDBStore
internal import Numerics

/// Finds the k nearest cells of every cell of a set, batch by batch.
struct NeighborGraphSearch {
    /// Some cells, one after another, with their neighbors.
    struct Batch {
        /// Places of the cells.
        let cells: Range<Int>
        /// [cells, k]; −1 where there are fewer.
        var indices: [Int32]
        /// [cells, k]; infinity where there are fewer.
        var distances: [Float]
    }

    /// More neighbors than anybody draws or clusters by; rows of that length are what memory is bounded for.
    private static let largestK = 10_000
    /// Cells that are searched in one call: enough to be sorted, few enough to stop soon.
    private static let cellsAtOnce = 16_384
    private static let cellsAtOnceExact = 64

    /// The rows of the cells, by place.
    let rows: [Int]
    private let options: NeighborGraphOptions
    private let snapshot: Snapshot
    private let keeping: Bitmap
    /// Places of the rows; −1 for rows that are no cells of the graph.
    private let places: [Int32]

    /// - Throws: ``EmbDBError`` `usage` for a k out of range, `expression`, `nothingFound`, `corrupted`.
    init(
        _ options: NeighborGraphOptions, _ snapshot: Snapshot, in transaction: borrowing ReadTransaction
    ) throws {
        guard options.k >= 1, options.k <= Self.largestK else {
            throw EmbDBError(.usage, "k is \(options.k): give a whole number from 1 to \(Self.largestK)")
        }
        self.options = options
        self.snapshot = snapshot
        keeping =
            try options.filter.map {
                try StoredObs.select($0, state: snapshot.state, live: snapshot.live, in: transaction)
            } ?? snapshot.live
        rows = keeping.rows
        if rows.isEmpty {
            throw EmbDBError(
                .nothingFound,
                options.filter.map { "no cell is selected (\($0)): change the expression" }
                    ?? "all cells are deleted: ingest some")
        }
        var places = [Int32](repeating: -1, count: snapshot.state.rows)
        for (place, row) in rows.enumerated() { places[row] = Int32(place) }
        self.places = places
    }

    /// Hands the batches on in order.
    ///
    /// - Throws: what `body` throws; ``EmbDBError/Code/cancelled``.
    func forEachBatch(control: Control, _ body: (Batch) throws -> Void) throws {
        let step = comparesAll ? Self.cellsAtOnceExact : Self.cellsAtOnce
        for start in stride(from: 0, to: rows.count, by: step) {
            try control.checkCancelled("stopped; nothing was written")
            control.progress(.init(unit: "cells", phase: "finding neighbors", done: start, total: rows.count))
            try body(batch(start..<min(rows.count, start + step)))
        }
        control.progress(.init(unit: "cells", phase: "finding neighbors", done: rows.count, total: rows.count))
    }

    /// Also where the graph is not to be relied on; then some thousand cells take long.
    private var comparesAll: Bool { options.exact || (options.ef ?? snapshot.defaultEf) >= rows.count }

    private func batch(_ cells: Range<Int>) -> Batch {
        let own = Array(rows[cells])
        let queries = ResolvedQueries(rows: own, set: snapshot.set).vectors
        // One more, for the cell itself.
        let wanted = min(options.k, rows.count) + 1
        let keepsAll = rows.count == keeping.count
        let found =
            comparesAll
            ? ExactSearch.search(
                snapshot.set, queries: queries, k: wanted, keeping: keepsAll ? nil : keeping, threads: options.threads)
            : snapshot.index.search(
                queries: queries, k: wanted, ef: options.ef ?? snapshot.defaultEf, keeping: keepsAll ? nil : keeping,
                threads: options.threads
            ).map(\.neighbors)
        let k = options.k
        var batch = Batch(
            cells: cells, indices: [Int32](repeating: -1, count: cells.count * k),
            distances: [Float](repeating: .infinity, count: cells.count * k))
        for (cell, neighbors) in found.enumerated() {
            for (rank, neighbor) in neighbors.lazy.filter({ $0.row != own[cell] }).prefix(k).enumerated() {
                batch.indices[cell * k + rank] = places[neighbor.row]
                batch.distances[cell * k + rank] = neighbor.distance
            }
        }
        return batch
    }
}
