internal import Numerics

extension HNSWIndex {
    /// Queries of one entry from which sorting pays: the entry is looked for once more.
    private static let sortedFromPerEntry = 4

    /// The queries [count, dimension] of a batch in the order in which they are answered: those whose nearest entry is the
    /// same one after another, so that each finds in the cache what the one before has read. As they are where they are
    /// few, or where all rows are compared.
    func order(of queries: Matrix, _ plan: SearchPlan, threads: Int) -> [Int] {
        guard plan.method != .exact, let sketches, !entries.nodes.isEmpty,
            queries.rows >= Self.sortedFromPerEntry * entries.nodes.count
        else { return Array(0..<queries.rows) }
        let grain = 64
        var nearest = [UInt32](repeating: 0, count: queries.rows)
        nearest.withUnsafeMutableBufferPointer { nearest in
            nonisolated(unsafe) let nearest = nearest
            withGraph { graph in
                queries.values.withUnsafeBufferPointer { values in
                    guard let base = values.baseAddress else { return }
                    nonisolated(unsafe) let (first, graph) = (base, graph)
                    Parallel.forEach(queries.rows, threads: threads, grain: grain, makeState: { SearchScratch() }) {
                        (scratch: inout SearchScratch, query: Int) in
                        scratch.query.set(first + query * queries.columns, in: graph.rows)
                        sketches.basis.encode(scratch.query, stride: graph.rows.codeStride, scratch.sketch)
                        nearest[query] = UInt32(entries.nearest(stride: graph.rows.codeStride, &scratch) ?? 0)
                    }
                }
            }
        }
        return nearest.indices.sorted { (nearest[$0], $0) < (nearest[$1], $1) }
    }
}
