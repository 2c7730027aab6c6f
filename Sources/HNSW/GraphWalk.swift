internal import Numerics

/// Level 0 beside the vectors, while a search runs. Nothing that is read from it is trusted.
struct GraphRows {
    let rows: VectorRows
    let level0: RowPointers
    /// Rows in the graph.
    let nodes: Int

    @inline(__always)
    func links(_ node: Int) -> UnsafePointer<UInt32> { level0[node].assumingMemoryBound(to: UInt32.self) }

    /// The next row with the same code, or nil at the end of the chain. It ascends, so that a damaged one ends too.
    @inline(__always)
    func nextIdentical(_ row: Int) -> Int? {
        let next = Int(links(row)[GraphLayout.chain])
        return next > row && next < nodes ? next : nil
    }

    /// Whether `row` or one that is identical to it is in the filter.
    @inline(__always)
    func matches(_ row: Int, _ filter: UnsafePointer<UInt64>) -> Bool {
        var row = row
        while true {
            if filter[row >> 6] >> UInt64(row & 63) & 1 == 1 { return true }
            guard let next = nextIdentical(row) else { return false }
            row = next
        }
    }

    /// Entries whose nearest few start the walk: more of them rescue queries unlike all that is stored.
    static let starts = 4

    /// Best-first walk on int8 codes (Malkov and Yashunin 2018, algorithm 2) from the entries nearest to
    /// `scratch.query`.
    ///
    /// The links of the best `ef` nodes are followed. Leaves in `scratch.beam` the best max(ef, width) nodes met and,
    /// with a filter, in `scratch.matches` the best `width` that match.
    ///
    /// - Returns: number of distances computed.
    func walk(
        entries: EntryTable, entryCount: Int, ef: Int, width: Int, filter: UnsafePointer<UInt64>?,
        _ scratch: inout SearchScratch
    ) -> Int {
        var computed = min(entryCount, entries.rows.count)
        scratch.visited.reset(count: nodes)
        scratch.beam.reset(limit: max(ef, width))
        scratch.matches.reset(limit: filter == nil ? 0 : width)
        scratch.starts.reset(limit: Self.starts)
        entries.distances(count: entryCount, stride: rows.codeStride, scratch.query, &scratch.batch) { row, distance in
            _ = scratch.starts.insert(SortKey.make(distance, row))
        }
        for index in 0..<scratch.starts.count {
            let key = scratch.starts[index]
            guard scratch.visited.insert(SortKey.row(key)) else { continue }
            _ = scratch.beam.insert(key)
            if let filter, matches(SortKey.row(key), filter) { _ = scratch.matches.insert(key) }
        }
        var position = 0
        while position < min(ef, scratch.beam.count) {
            let key = scratch.beam[position]
            if key & 1 == 1 {
                position += 1
                continue
            }
            scratch.beam.mark(position)
            let links = links(SortKey.row(key))
            for slot in 0..<GraphLayout.links {
                let node = Int(links[slot])
                if links[slot] == GraphLayout.none { break }
                guard node < nodes, scratch.visited.insert(node) else { continue }
                scratch.batch.append(node, rows, scratch.query)
            }
            computed += scratch.batch.count
            var best = position + 1
            scratch.batch.flush(scratch.query, stride: rows.codeStride) { _, node, distance in
                let key = SortKey.make(distance, node)
                best = min(best, scratch.beam.insert(key))
                if let filter, matches(node, filter) { _ = scratch.matches.insert(key) }
            }
            position = best
        }
        return computed
    }
}
