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
    }

    /// What was measured.
    package struct Result: Sendable {
        /// Vectors in the index.
        package let vectors: Int
        /// Length of a vector.
        package let dimension: Int
        /// Codes and graph, with writing them.
        package let buildSeconds: Double
        /// The whole database file.
        package let indexBytes: Int
        /// Opening and the first answer in a fresh process, the file in the page cache.
        package let openSeconds: Double
        /// One row for each beam length, in the order of the options.
        package let results: [Row]
    }

    /// Builds a database of `vectors` in a temporary folder, searches it, and removes it.
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
            guard base.columns == wanted.columns else {
                throw EmbDBError(
                    .usage,
                    "the queries have \(wanted.columns) dimensions, the vectors \(base.columns) (\(queries)): "
                        + "give queries of the same kind")
            }
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "embdb-bench-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.appendingPathComponent("bench.embdb").path
            let buildSeconds = try build(base, metric, options, path, control)
            let openSeconds = try firstAnswer(path, queries)
            let database = try Database.open(path)
            return try database.environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                let truth = ExactSearch.search(snapshot.set, queries: wanted, k: options.k, threads: options.threads)
                var rows: [Row] = []
                var last: [SearchResult] = []
                for (done, ef) in options.ef.enumerated() {
                    try control.checkCancelled("stopped")
                    control.progress(.init(unit: "ef", phase: "searching", done: done, total: options.ef.count))
                    let row = try measure(snapshot, wanted, truth, ef, options, &last)
                    rows.append(row)
                }
                if let out { try write(last, k: options.k, to: out) }
                return Result(
                    vectors: base.rows, dimension: base.columns, buildSeconds: buildSeconds,
                    indexBytes: Int(try database.environment.fileBytes()), openSeconds: openSeconds, results: rows)
            }
        }
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
        try database.updateIndex(threads: options.threads, parameters: parameters, control: control)
        return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
    }

    private static func measure(
        _ snapshot: Snapshot, _ queries: Matrix, _ truth: [[Neighbor]], _ ef: Int, _ options: Options,
        _ last: inout [SearchResult]
    ) throws -> Row {
        var best = Double.infinity
        for _ in 0..<3 {
            let start = DispatchTime.now()
            last = snapshot.index.search(queries: queries, k: options.k, ef: ef, threads: options.threads)
            best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9)
        }
        var scratch = SearchScratch()
        var times: [Double] = []
        for query in 0..<queries.rows {
            queries.values.withUnsafeBufferPointer { values in
                let row = UnsafeBufferPointer(
                    rebasing: values[query * queries.columns..<(query + 1) * queries.columns])
                let start = DispatchTime.now()
                _ = snapshot.index.search(row, k: options.k, ef: ef, scratch: &scratch)
                times.append(Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-6)
            }
        }
        times.sort()
        func quantile(_ share: Double) -> Double { times[min(times.count - 1, Int(share * Double(times.count)))] }
        return Row(
            ef: ef, recall: Recall.mean(last.map(\.neighbors), truth: truth, k: options.k),
            queriesPerSecond: Double(queries.rows) / best, p50: quantile(0.5), p99: quantile(0.99))
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
