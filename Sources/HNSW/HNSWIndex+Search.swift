internal import CKernels
package import Numerics

/// An answer and how it was found.
package struct SearchResult: Sendable, Hashable {
    /// Nearest first, ties by row.
    package let neighbors: [Neighbor]
    package let report: SearchReport

    static let nothing = SearchResult(neighbors: [], report: SearchReport(method: .exact, candidates: 0))
}

extension HNSWIndex {
    /// The `k` nearest rows, fewer only if there are not so many.
    ///
    /// Few rows to choose from are scanned. A filter that keeps many is walked with a beam as much longer as rows are
    /// dropped; where the query's surroundings turn out to hold too few matching rows (a filter that is correlated with
    /// the place of the query), all matching rows are scanned after all.
    ///
    /// - Parameters:
    ///   - query: [dimension], finite.
    ///   - ef: length of the beam; below `k` it counts as `k`. As long as the rows that may be in the answer, or longer, it
    ///     has all of them compared on f32.
    ///   - keeping: rows that may be in the answer; all if nil.
    package func search(
        _ query: UnsafeBufferPointer<Float>, k: Int, ef: Int, keeping: Bitmap? = nil, scratch: inout SearchScratch
    ) -> SearchResult {
        precondition(query.count == set.dimension, "a query of another dimension")
        let plan = SearchPlan(self, k: k, ef: ef, keeping: keeping)
        guard let base = query.baseAddress else { return .nothing }
        return withGraph { graph in
            plan.withFilter { filter in
                begin(base, plan, filter, graph, &scratch)
                while graph.advance(&scratch) {}
                return finish(plan, filter, graph, &scratch)
            }
        }
    }

    /// ``search(_:k:ef:keeping:scratch:)`` of an array.
    package func search(
        _ query: [Float], k: Int, ef: Int, keeping: Bitmap? = nil, scratch: inout SearchScratch
    ) -> SearchResult {
        query.withUnsafeBufferPointer { search($0, k: k, ef: ef, keeping: keeping, scratch: &scratch) }
    }

    /// Takes the query and, where the plan says so, begins the walk.
    func begin(
        _ query: UnsafePointer<Float>, _ plan: SearchPlan, _ filter: UnsafePointer<UInt64>?, _ graph: GraphRows,
        _ scratch: inout SearchScratch
    ) {
        scratch.walk = WalkState()
        scratch.exact.set(query, in: graph.rows)
        scratch.nearest.reset(limit: plan.k)
        guard plan.method != .exact else { return }
        scratch.query.set(query, in: graph.rows)
        guard plan.method == .graph else { return }
        if let sketches = graph.sketches {
            sketches.basis.encode(scratch.query, stride: graph.rows.codeStride, scratch.sketch)
        }
        graph.begin(
            entries, count: entries.nodes.count, ef: plan.beam, width: plan.width, slack: plan.k / 2, filter: filter,
            &scratch)
    }

    /// The answer, once the walk is at its end.
    func finish(
        _ plan: SearchPlan, _ filter: UnsafePointer<UInt64>?, _ graph: GraphRows, _ scratch: inout SearchScratch
    ) -> SearchResult {
        if plan.method == .exact {
            compareAll(graph.rows, 0..<set.count, plan.keeping, &scratch)
            return result(.exact, plan.matching, scratch)
        }
        var computed = scratch.walk.computed
        if plan.method == .graph, surroundingsMatch(plan, filter, graph, scratch) {
            computed += addTail(graph, plan.keeping, isFiltered: filter != nil, &scratch)
            computed += rerank(graph, width: plan.width, filter: filter, &scratch)
            if scratch.nearest.count == plan.k { return result(.graph, computed, scratch) }
        }
        scratch.nearest.reset(limit: plan.k)
        if let sketches = graph.sketches, sketches.basis.isFaithful {
            computed += scanCells(plan, filter, graph, sketches, &scratch)
            computed += addTail(graph, plan.keeping, isFiltered: false, &scratch)
            computed += rerank(graph, width: plan.width, filter: nil, followsChains: false, &scratch)
            if scratch.nearest.count == plan.k { return result(.scan, computed, scratch) }
        }
        computed += scan(graph, width: plan.scanReranked, plan.keeping, &scratch)
        return result(.scan, computed, scratch)
    }

    private func result(
        _ method: SearchReport.Method, _ computed: Int, _ scratch: borrowing SearchScratch
    ) -> SearchResult {
        SearchResult(
            neighbors: scratch.nearest.neighbors(), report: SearchReport(method: method, candidates: computed))
    }

    /// The beam is the query's surroundings, complete up to its last node. If it holds as many matching nodes as the
    /// beam of a walk without a filter holds nodes, the nearest matching ones are as surely among them.
    private func surroundingsMatch(
        _ plan: SearchPlan, _ filter: UnsafePointer<UInt64>?, _ graph: GraphRows, _ scratch: borrowing SearchScratch
    ) -> Bool {
        guard let filter else { return true }
        var inside = 0
        for index in 0..<min(plan.beam, scratch.beam.count)
        where graph.matches(SortKey.row(scratch.beam[index]), filter) { inside += 1 }
        return inside >= plan.wanted * 3 / 4
    }

    /// Adds the rows past the graph to what a walk has found, by code; their numbers are above those of all nodes. Returns
    /// how many there are.
    private func addTail(
        _ graph: GraphRows, _ keeping: Bitmap?, isFiltered: Bool, _ scratch: inout SearchScratch
    ) -> Int {
        var computed = 0
        ExactSearch.forEachBatch(rows: graphCount..<set.count, keeping: keeping) { batch in
            for row in batch { scratch.batch.append(Int(row), row: Int(row), graph.rows) }
            computed += batch.count
            scratch.batch.flush(scratch.query, stride: graph.rows.codeStride) { _, row, distance in
                let key = SortKey.make(distance, row)
                _ = isFiltered ? scratch.matches.insert(key) : scratch.beam.insert(key)
            }
        }
        return computed
    }

    /// Rows of one chain of identical codes that a re-rank looks at. Where more vectors than that differ by less than
    /// the code can show, the first are taken: the answer is off by less than the code's error.
    private static let chainLimit = 256

    /// Puts the best rows by code, up to `width` of them and with those identical to them, into `scratch.nearest` by
    /// f32: all that may be among the k nearest, if codes are wrong by no more than ``CodedQuery/margin``.
    private func rerank(
        _ graph: GraphRows, width: Int, filter: UnsafePointer<UInt64>?, followsChains: Bool = true,
        _ scratch: inout SearchScratch
    ) -> Int {
        scratch.reserveCandidates(width + Self.chainLimit)
        let count = min(width, filter == nil ? scratch.beam.count : scratch.matches.count)
        var farthest = Float.infinity
        for index in 0..<count where scratch.candidateCount < width {
            let key = filter == nil ? scratch.beam[index] : scratch.matches[index]
            guard SortKey.distance(key) <= farthest else { break }
            var node: Int? = SortKey.row(key)
            let end = scratch.candidateCount + max(Self.chainLimit, width - scratch.candidateCount)
            while let member = node, scratch.candidateCount < end {
                let isNode = member < graph.nodes
                let row = isNode ? graph.numbers.row(member) : member
                if filter.map({ $0[row >> 6] >> UInt64(row & 63) & 1 == 1 }) ?? true {
                    scratch.candidates.baseAddress[scratch.candidateCount] = UInt32(truncatingIfNeeded: row)
                    scratch.candidateCount += 1
                    // The kernel asks for the rest; the first line of each also brings its page's address.
                    ek_prefetch_line(graph.rows.scale(row))
                    ek_prefetch_line(graph.rows.vector(row))
                }
                node = followsChains && isNode ? graph.nextIdentical(member) : nil
            }
            if farthest == .infinity, scratch.candidateCount >= scratch.nearest.limit {
                farthest = SortKey.distance(key) + scratch.query.margin
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

    /// All rows that the filter keeps by code, and the best `width` of them by f32; returns the distances computed.
    private func scan(_ graph: GraphRows, width: Int, _ keeping: Bitmap?, _ scratch: inout SearchScratch) -> Int {
        scratch.nearest.reset(limit: scratch.nearest.limit)
        scratch.matches.reset(limit: width)
        var computed = 0
        ExactSearch.forEachBatch(rows: 0..<set.count, keeping: keeping) { batch in
            for row in batch { scratch.batch.append(Int(row), row: Int(row), graph.rows) }
            computed += insertMatches(graph, &scratch)
        }
        scratch.reserveCandidates(width)
        for index in 0..<scratch.matches.count {
            scratch.candidates.baseAddress[index] = UInt32(truncatingIfNeeded: SortKey.row(scratch.matches[index]))
        }
        scratch.candidateCount = scratch.matches.count
        compareCandidates(graph.rows, &scratch)
        return computed + scratch.candidateCount
    }

    private func insertMatches(_ graph: GraphRows, _ scratch: inout SearchScratch) -> Int {
        let count = scratch.batch.count
        scratch.batch.flush(scratch.query, stride: graph.rows.codeStride) { _, row, distance in
            _ = scratch.matches.insert(SortKey.make(distance, row))
        }
        return count
    }
}
