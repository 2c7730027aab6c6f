internal import Foundation
internal import HNSW
internal import LMDBStore
internal import Numerics

/// Recall and speed of the index over ef, on vectors of one's own: what `embdb bench search` prints.
package enum SearchBenchmark {
    /// What to measure.
    package struct Options: Sendable {
        /// Neighbors a query.
        package var k = 10
        /// Beam lengths to try.
        package var ef = [16, 32, 64]
        /// "cosine", "l2" or "ip".
        package var metric = "cosine"
        /// Seed of the index; nil: the default.
        package var seed: UInt64?
        /// Threads for building and for the queries per second, 1 or more.
        package var threads = Database.availableThreads
        /// Threads for building; nil: as many.
        package var buildThreads: Int?
        /// Files of truth values, one a vector: who may be a neighbor (.npy, bool [vectors]); each is a search of its own.
        package var filters: [String] = []
        /// Vectors to add at last, .npy [count, dimension].
        package var added: String?
        /// Where the database is to be kept, or lies already; nil: it is temporary.
        package var database: String?

        /// The defaults above.
        package init() {}
    }

    /// One beam length.
    package struct Row: Sendable {
        /// Length of the beam.
        package let ef: Int
        /// recall@k against exact search.
        package let recall: Double
        /// All queries in one call, the best of three passes.
        package let queriesPerSecond: Double
        /// Median milliseconds of one query at a time, on one thread.
        package let p50: Double
        /// The 99th percentile of the same, in milliseconds.
        package let p99: Double
        /// Distances computed, a query.
        package let candidates: Double
        /// How: "graph", "scan" or "exact"; several are joined by "+".
        package let method: String
    }

    /// A search of some of the vectors.
    package struct Filtered: Sendable {
        /// The file that says which.
        package let file: String
        /// How many they are.
        package let kept: Int
        /// One row for each beam length.
        package let results: [Row]
    }

    /// Vectors that were added behind.
    package struct Added: Sendable {
        /// How many.
        package let rows: Int
        /// With a synced commit every ``addedAtOnce`` rows, each searchable after its commit, and whatever upkeep of the
        /// index that brings.
        package let seconds: Double
    }

    /// Rows of a commit of added vectors.
    package static let addedAtOnce = 1000

    /// What was measured.
    package struct Result: Sendable {
        /// Vectors in the index.
        package let vectors: Int
        /// Length of a vector.
        package let dimension: Int
        /// Codes and graph, with writing them; nil for a database that was there.
        package let buildSeconds: Double?
        /// The whole database file.
        package let indexBytes: Int
        /// Opening and the first answer in a fresh process, the file in the page cache.
        package let openSeconds: Double
        /// One row for each beam length, in the order of the options.
        package let results: [Row]
        /// One for each filter, in the order of the options.
        package let filtered: [Filtered]
        /// nil if nothing was to be added.
        package let added: Added?
        /// SIMD level of the kernels.
        package let simdLevel: String
    }

    /// Builds a database of `vectors`, in a temporary folder unless the options name a place, and searches it.
    ///
    /// - Parameters:
    ///   - vectors, queries: `.npy` files, [count, dimension].
    ///   - out: where to write the ids of the last ef (.npy, int64 [queries, k]; −1 where there are fewer).
    ///   - firstAnswer: runs ``firstAnswer(database:queries:k:)`` in a fresh process and returns its seconds.
    /// - Throws: ``EmbDBError`` `input`, `usage`, `storage`, `cancelled`.
    package static func run(
        vectors: String, queries: String, options: Options, out: String?, control: Control = Control(),
        firstAnswer: (_ database: String, _ queries: String) throws -> Double
    ) throws(EmbDBError) -> Result {
        try withEmbDBErrors {
            guard let metric = Metric(rawValue: options.metric) else {
                throw EmbDBError(.usage, "--metric \(options.metric): give cosine, l2 or ip")
            }
            let base = try NPYFile.readMatrix(vectors)
            let wanted = try NPYFile.readMatrix(queries)
            guard base.rows > 0, base.columns > 0, wanted.rows > 0 else {
                throw EmbDBError(
                    .usage, "there is nothing to search (\(vectors), \(queries)): give vectors and queries")
            }
            let added = try options.added.map { try NPYFile.readMatrix($0) }
            for (matrix, what, path) in [
                (wanted, "queries", queries), (added ?? wanted, "vectors to add", options.added ?? ""),
            ]
            where matrix.columns != base.columns {
                throw EmbDBError(
                    .usage,
                    "the \(what) have \(matrix.columns) dimensions, the vectors \(base.columns) (\(path)): "
                        + "give vectors of the same kind")
            }
            var filters: [(file: String, keeping: Bitmap)] = []
            for file in options.filters {
                filters.append((file, try NPYFile.readMask(file, count: base.rows)))
            }
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "embdb-bench-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = options.database ?? folder.appendingPathComponent("bench.embdb").path
            let isThere = FileManager.default.fileExists(atPath: path)
            if isThere { try check(path, holds: base, options) }
            let buildSeconds = try isThere ? nil : build(base, metric, options, path, control)
            let openSeconds = try firstAnswer(path, queries)
            let result = try search(
                path, base, wanted, filters, options, out, buildSeconds: buildSeconds, openSeconds: openSeconds, control
            )
            guard let added else { return result }
            return result.with(try add(added, metric, options, path, control))
        }
    }

    /// Nobody's cells are to be added to.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if the database was made of something else.
    private static func check(_ path: String, holds base: Matrix, _ options: Options) throws {
        let database = try Database.open(path)
        try database.environment.read { transaction in
            let snapshot = try Snapshot(transaction, path: path)
            let set = snapshot.set
            guard set.count == base.rows, set.dimension == base.columns, set.metric.rawValue == options.metric,
                snapshot.model == nil, snapshot.settings.obsm == nil
            else {
                throw EmbDBError(
                    .usage,
                    "the database was made of something else than these vectors and --metric \(options.metric) "
                        + "(\(path)): name another place")
            }
        }
    }

    private static func search(
        _ path: String, _ base: Matrix, _ queries: Matrix, _ filters: [(file: String, keeping: Bitmap)],
        _ options: Options, _ out: String?, buildSeconds: Double?, openSeconds: Double, _ control: Control
    ) throws -> Result {
        let database = try Database.open(path)
        return try database.environment.read { transaction in
            let snapshot = try Snapshot(transaction, path: path)
            let set = snapshot.set
            var last: [SearchResult] = []
            func results(keeping: Bitmap?) throws -> [Row] {
                let truth = ExactSearch.search(
                    set, queries: queries, k: options.k, keeping: keeping, threads: options.threads)
                return try options.ef.enumerated().map { done, ef in
                    try control.checkCancelled("stopped")
                    control.progress(.init(unit: "ef", phase: "searching", done: done, total: options.ef.count))
                    return measure(snapshot, queries, truth, ef, keeping, options, &last)
                }
            }
            let filtered = try filters.map {
                Filtered(file: $0.file, kept: $0.keeping.population, results: try results(keeping: $0.keeping))
            }
            let rows = try results(keeping: nil)
            if let out { try write(last, k: options.k, to: out) }
            return Result(
                vectors: base.rows, dimension: base.columns, buildSeconds: buildSeconds,
                indexBytes: Int(try database.environment.fileBytes()), openSeconds: openSeconds, results: rows,
                filtered: filtered, added: nil, simdLevel: SIMDLevel.current)
        }
    }

    /// Commits new rows as an ingest does, a few at a time.
    private static func add(
        _ rows: Matrix, _ metric: Metric, _ options: Options, _ path: String, _ control: Control
    ) throws -> Added {
        let database = try Database.open(path, access: .readWrite)
        let start = DispatchTime.now()
        for first in stride(from: 0, to: rows.rows, by: addedAtOnce) {
            let end = min(rows.rows, first + addedAtOnce)
            let part = Matrix(
                rows: end - first, columns: rows.columns,
                values: Array(rows.values[first * rows.columns..<end * rows.columns]))
            try database.addVectors(part, metric: metric, control: control)
            try database.updateIndex(threads: options.threads, control: control)
        }
        return Added(
            rows: rows.rows, seconds: Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9)
    }

    /// Opens `database`, answers the first query of `queries`, and returns how many seconds both took together; for a
    /// process that has done nothing before.
    ///
    /// - Throws: ``EmbDBError``.
    package static func firstAnswer(database: String, queries: String, k: Int) throws(EmbDBError) -> Double {
        let query = try NPYFile.readMatrix(queries)
        return try withEmbDBErrors {
            let start = DispatchTime.now()
            let opened = try Database.open(database)
            _ = try opened.environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: database)
                var scratch = SearchScratch()
                return snapshot.index.search(
                    Array(query[row: 0]), k: k, ef: snapshot.defaultEf, scratch: &scratch)
            }
            return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
        }
    }

    private static func build(
        _ base: Matrix, _ metric: Metric, _ options: Options, _ path: String, _ control: Control
    ) throws -> Double {
        let start = DispatchTime.now()
        let database = try Database.open(path, access: .create)
        try database.addVectors(base, metric: metric, control: control)
        var parameters = HNSWParameters()
        if let seed = options.seed { parameters.seed = seed }
        try database.updateIndex(
            threads: options.buildThreads ?? options.threads, parameters: parameters, control: control)
        return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
    }

    private static func measure(
        _ snapshot: Snapshot, _ queries: Matrix, _ truth: [[Neighbor]], _ ef: Int, _ keeping: Bitmap?,
        _ options: Options, _ last: inout [SearchResult]
    ) -> Row {
        var best = Double.infinity
        for _ in 0..<3 {
            let start = DispatchTime.now()
            last = snapshot.index.search(
                queries: queries, k: options.k, ef: ef, keeping: keeping, threads: options.threads)
            best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9)
        }
        var scratch = SearchScratch()
        var times: [Double] = []
        for query in 0..<queries.rows {
            queries.values.withUnsafeBufferPointer { values in
                let row = UnsafeBufferPointer(
                    rebasing: values[query * queries.columns..<(query + 1) * queries.columns])
                let start = DispatchTime.now()
                _ = snapshot.index.search(row, k: options.k, ef: ef, keeping: keeping, scratch: &scratch)
                times.append(Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-6)
            }
        }
        times.sort()
        func quantile(_ share: Double) -> Double { times[min(times.count - 1, Int(share * Double(times.count)))] }
        return Row(
            ef: ef, recall: Recall.mean(last.map(\.neighbors), truth: truth, k: options.k),
            queriesPerSecond: Double(queries.rows) / best, p50: quantile(0.5), p99: quantile(0.99),
            candidates: Double(last.reduce(0) { $0 + $1.report.candidates }) / Double(queries.rows),
            method: Set(last.map(\.report.method.rawValue)).sorted().joined(separator: "+"))
    }

    private static func write(_ results: [SearchResult], k: Int, to path: String) throws {
        var file = try OutputFile(path)
        try file.write(NPYFile.header(descriptor: "<i8", shape: [results.count, k]))
        for result in results {
            for position in 0..<k {
                let row = position < result.neighbors.count ? Int64(result.neighbors[position].row) : -1
                try withUnsafeBytes(of: row.littleEndian) { try file.write($0) }
            }
        }
        try file.finish()
    }
}

extension SearchBenchmark.Result {
    fileprivate func with(_ added: SearchBenchmark.Added) -> Self {
        .init(
            vectors: vectors, dimension: dimension, buildSeconds: buildSeconds, indexBytes: indexBytes,
            openSeconds: openSeconds, results: results, filtered: filtered, added: added, simdLevel: simdLevel)
    }
}
