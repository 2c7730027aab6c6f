package import Numerics

/// An answer and how it was found.
package struct SearchResult: Sendable, Hashable {
    /// Nearest first, ties by row.
    package let neighbors: [Neighbor]
    package let report: SearchReport
}

extension HNSWIndex {
    /// Up to so many rows are compared on f32 at once: that costs no more than a walk.
    static let exactLimit = 1000
    /// A walk to the best ef nodes computes some 12 ef distances, and a scan in ascending order does four in the time
    /// that a walk needs for one (measured on 200,000 and 1,000,000 vectors).
    static let walkedPerEf = 12
    static let scannedPerWalked = 4

    /// The `k` nearest rows, fewer only if there are not so many.
    ///
    /// Few rows to choose from are scanned. A filter that keeps many is walked with a beam as much longer as rows are
    /// dropped; where the query's surroundings turn out to hold too few matching rows (a filter that is correlated with
    /// the place of the query), all matching rows are scanned after all.
    ///
    /// - Parameters:
    ///   - query: [dimension], finite.
    ///   - ef: length of the beam; below `k` it counts as `k`.
    ///   - keeping: rows that may be in the answer; all if nil.
    package func search(
        _ query: UnsafeBufferPointer<Float>, k: Int, ef: Int, keeping: Bitmap? = nil, scratch: inout SearchScratch
    ) -> SearchResult {
        precondition(query.count == set.dimension, "a query of another dimension")
        precondition(keeping == nil || keeping?.count == set.count, "a filter of another number of rows")
        let matching = keeping?.population ?? set.count
        let k = min(k, matching)
        guard k > 0, let base = query.baseAddress else {
            return SearchResult(neighbors: [], report: SearchReport(method: .exact, candidates: 0))
        }
        return withGraph { graph in
            scratch.exact.set(base, in: graph.rows)
            scratch.nearest.reset(limit: k)
            if matching <= Self.exactLimit || graphCount == 0 {
                compareAll(graph.rows, 0..<set.count, keeping, &scratch)
                return SearchResult(
                    neighbors: scratch.nearest.neighbors(), report: SearchReport(method: .exact, candidates: matching))
            }
            scratch.query.set(base, in: graph.rows)
            // How many times longer the beam must be, so that as many of its nodes match.
            let dilution = Double(set.count) / Double(matching)
            let wanted = max(ef, k)
            var computed = 0
            if Double(matching) > Double(Self.scannedPerWalked * Self.walkedPerEf * wanted) * dilution {
                let width = Self.reranked(k)
                let long = keeping == nil ? wanted : min(graphCount, Int(Double(wanted) * dilution * 1.2))
                if let walked = walk(graph, ef: long, wanted: wanted, width: width, keeping, &scratch) {
                    computed = walked + compareAll(graph.rows, graphCount..<set.count, keeping, &scratch)
                    if scratch.nearest.count == k {
                        return SearchResult(
                            neighbors: scratch.nearest.neighbors(),
                            report: SearchReport(method: .graph, candidates: computed))
                    }
                }
            }
            computed += scan(graph, width: Self.scanReranked(k), keeping, &scratch)
            return SearchResult(
                neighbors: scratch.nearest.neighbors(), report: SearchReport(method: .scan, candidates: computed))
        }
    }

    /// ``search(_:k:ef:keeping:scratch:)`` of an array.
    package func search(
        _ query: [Float], k: Int, ef: Int, keeping: Bitmap? = nil, scratch: inout SearchScratch
    ) -> SearchResult {
        query.withUnsafeBufferPointer { search($0, k: k, ef: ef, keeping: keeping, scratch: &scratch) }
    }

    /// Every row of `queries` [count, dimension], in parallel, one scratch a thread.
    package func search(
        queries: Matrix, k: Int, ef: Int, keeping: Bitmap? = nil, threads: Int = Parallel.availableThreads
    ) -> [SearchResult] {
        let nothing = SearchResult(neighbors: [], report: SearchReport(method: .exact, candidates: 0))
        var answers = [SearchResult](repeating: nothing, count: queries.rows)
        answers.withUnsafeMutableBufferPointer { answers in
            nonisolated(unsafe) let answers = answers
            Parallel.forEach(queries.rows, threads: threads, grain: 4, makeState: { SearchScratch() }) {
                scratch, index in
                queries.values.withUnsafeBufferPointer { values in
                    let row = UnsafeBufferPointer(
                        rebasing: values[index * queries.columns..<(index + 1) * queries.columns])
                    answers[index] = search(row, k: k, ef: ef, keeping: keeping, scratch: &scratch)
                }
            }
        }
        return answers
    }

    /// How many of the best by code are compared on f32: the true top 10 are within the best 20 by code, the top 100
    /// within 120, in more than 99.9 of 100 cases.
    private static func reranked(_ k: Int) -> Int { k + max(10, k / 5) }
    /// The same for a scan, where more of them cost next to nothing.
    private static func scanReranked(_ k: Int) -> Int { k + max(54, k / 2) }

    /// Rows of one chain of identical codes that a re-rank looks at. Where more vectors than that differ by less than
    /// the code can show, the first are taken: the answer is off by less than the code's error.
    private static let chainLimit = 256

    /// Walks the graph, and re-ranks.
    ///
    /// - Returns: distances computed, or nil where the filter left too few nodes around the query to be trusted.
    private func walk(
        _ graph: GraphRows, ef: Int, wanted: Int, width: Int, _ keeping: Bitmap?, _ scratch: inout SearchScratch
    ) -> Int? {
        guard let keeping else {
            let computed = graph.walk(
                entries: entries, entryCount: entries.rows.count, ef: ef, width: width, filter: nil, &scratch)
            return computed + rerank(graph, fromMatches: false, width: width, filter: nil, &scratch)
        }
        return keeping.words.withUnsafeBufferPointer { words in
            guard let filter = words.baseAddress else { return nil }
            let computed = graph.walk(
                entries: entries, entryCount: entries.rows.count, ef: ef, width: width, filter: filter, &scratch)
            // The beam is the query's surroundings, complete up to its last node. If it holds as many matching nodes
            // as the beam of a walk without a filter holds nodes, the nearest matching ones are as surely among them.
            var inside = 0
            for index in 0..<min(ef, scratch.beam.count) where graph.matches(SortKey.row(scratch.beam[index]), filter) {
                inside += 1
            }
            guard inside >= wanted * 3 / 4 else { return nil }
            return computed + rerank(graph, fromMatches: true, width: width, filter: filter, &scratch)
        }
    }

    /// Puts the best `width` rows by code, with those identical to them, into `scratch.nearest` by f32.
    private func rerank(
        _ graph: GraphRows, fromMatches: Bool, width: Int, filter: UnsafePointer<UInt64>?,
        _ scratch: inout SearchScratch
    ) -> Int {
        scratch.reserveCandidates(width + Self.chainLimit)
        let count = min(width, fromMatches ? scratch.matches.count : scratch.beam.count)
        for index in 0..<count where scratch.candidateCount < width {
            var row: Int? = SortKey.row(fromMatches ? scratch.matches[index] : scratch.beam[index])
            let end = scratch.candidateCount + max(Self.chainLimit, width - scratch.candidateCount)
            while let member = row, scratch.candidateCount < end {
                if filter.map({ $0[member >> 6] >> UInt64(member & 63) & 1 == 1 }) ?? true {
                    scratch.candidates.baseAddress[scratch.candidateCount] = UInt32(truncatingIfNeeded: member)
                    scratch.candidateCount += 1
                }
                row = graph.nextIdentical(member)
            }
        }
        compareCandidates(graph.rows, &scratch)
        return scratch.candidateCount
    }

    private func compareCandidates(_ rows: VectorRows, _ scratch: inout SearchScratch) {
        let candidates = UnsafeBufferPointer(start: scratch.candidates.baseAddress, count: scratch.candidateCount)
        var start = 0
        while start < candidates.count {
            let count = min(ExactQuery.batch, candidates.count - start)
            scratch.exact.distances(rows, count: count, row: { Int(candidates[start + $0]) }) {
                scratch.nearest.insert($0)
            }
            start += count
        }
    }

    /// Puts the rows of `range` that the filter keeps into `scratch.nearest` by f32; returns how many.
    @discardableResult
    private func compareAll(
        _ rows: VectorRows, _ range: Range<Int>, _ keeping: Bitmap?, _ scratch: inout SearchScratch
    ) -> Int {
        var computed = 0
        ExactSearch.forEachBatch(rows: range, keeping: keeping) { batch in
            computed += batch.count
            scratch.exact.distances(rows, count: batch.count, row: { Int(batch[$0]) }) { scratch.nearest.insert($0) }
        }
        return computed
    }

    /// All rows that the filter keeps, by code, and the best `width` by f32; returns the distances computed.
    private func scan(_ graph: GraphRows, width: Int, _ keeping: Bitmap?, _ scratch: inout SearchScratch) -> Int {
        scratch.nearest.reset(limit: scratch.nearest.limit)
        scratch.matches.reset(limit: width)
        var computed = 0
        ExactSearch.forEachBatch(rows: 0..<set.count, keeping: keeping) { batch in
            computed += batch.count
            for row in batch { scratch.batch.append(Int(row), graph.rows, scratch.query) }
            scratch.batch.flush(scratch.query, stride: graph.rows.codeStride) { _, row, distance in
                _ = scratch.matches.insert(SortKey.make(distance, row))
            }
        }
        scratch.reserveCandidates(width)
        for index in 0..<scratch.matches.count {
            scratch.candidates.baseAddress[index] = UInt32(truncatingIfNeeded: SortKey.row(scratch.matches[index]))
        }
        scratch.candidateCount = scratch.matches.count
        compareCandidates(graph.rows, &scratch)
        return computed + scratch.candidateCount
    }
}
