package import Numerics

/// Nearest neighbors by comparing with every row on f32: the oracle, and what `--exact` asks for.
///
/// - Complexity: O(rows × dimension) a query; bound by memory for one query, shared by up to eight.
package enum ExactSearch {
    /// Queries that share one pass over the rows.
    private static let group = 8

    /// The `k` nearest rows of every query, nearest first, ties by row; fewer if there are not so many.
    ///
    /// - Parameters:
    ///   - queries: [count, set.dimension], row-major, finite.
    ///   - keeping: rows that may be in the answer; all if nil.
    package static func search(
        _ set: VectorSet, queries: Matrix, k: Int, keeping: Bitmap? = nil, threads: Int = Parallel.availableThreads
    ) -> [[Neighbor]] {
        precondition(queries.columns == set.dimension || queries.rows == 0, "queries of another dimension")
        precondition(keeping == nil || keeping?.count == set.count, "a filter of another number of rows")
        var answers = [[Neighbor]](repeating: [], count: queries.rows)
        let groups = (queries.rows + group - 1) / group
        answers.withUnsafeMutableBufferPointer { answers in
            nonisolated(unsafe) let answers = answers
            Parallel.forEach(groups, threads: threads) { index in
                let range = index * group..<min(queries.rows, (index + 1) * group)
                set.withRows { rows in
                    let scans = range.map { RowScan(query: queries, row: $0, rows: rows, k: k) }
                    forEachBatch(rows: 0..<rows.count, keeping: keeping) { batch in
                        for scan in scans.indices { scans[scan].scan(batch, rows) }
                    }
                    for (scan, query) in zip(scans, range) { answers[query] = scan.neighbors }
                }
            }
        }
        return answers
    }

    /// Rows of `range` that `keeping` has, ascending, up to ``ExactQuery/batch`` at a time.
    static func forEachBatch(rows range: Range<Int>, keeping: Bitmap?, _ body: (UnsafeBufferPointer<UInt32>) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ExactQuery.batch) { buffer in
            guard let start = buffer.baseAddress else { return }
            var count = 0
            func add(_ row: Int) {
                start[count] = UInt32(truncatingIfNeeded: row)
                count += 1
                if count == ExactQuery.batch {
                    body(UnsafeBufferPointer(start: start, count: count))
                    count = 0
                }
            }
            if let keeping {
                keeping.words.withUnsafeBufferPointer { words in
                    for index in range.lowerBound >> 6..<max(range.lowerBound >> 6, (range.upperBound + 63) >> 6) {
                        var rest = words[index]
                        while rest != 0 {
                            let row = index << 6 + rest.trailingZeroBitCount
                            rest &= rest &- 1
                            if range.contains(row) { add(row) }
                        }
                    }
                }
            } else {
                for row in range { add(row) }
            }
            if count > 0 { body(UnsafeBufferPointer(start: start, count: count)) }
        }
    }
}

/// One query's pass over the rows. A class, so that a group of them can lie in an array.
private final class RowScan {
    private var query = ExactQuery()
    private var heap = NearestHeap()

    init(query matrix: Matrix, row: Int, rows: VectorRows, k: Int) {
        heap.reset(limit: max(0, min(k, rows.count)))
        matrix.values.withUnsafeBufferPointer { values in
            if let base = values.baseAddress { query.set(base + row * matrix.columns, in: rows) }
        }
    }

    func scan(_ batch: UnsafeBufferPointer<UInt32>, _ rows: VectorRows) {
        query.distances(rows, count: batch.count, row: { Int(batch[$0]) }) { heap.insert($0) }
    }

    var neighbors: [Neighbor] { heap.neighbors() }
}
