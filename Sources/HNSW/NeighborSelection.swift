internal import Numerics

/// Memory of one builder thread.
struct BuildScratch: ~Copyable {
    var search = SearchScratch()
    /// Candidates of the list in work as ``SortKey``s.
    var candidates: [UInt64] = []
    var kept: [UInt32] = []
}

/// What links are kept, on the distances of codes.
struct NeighborSelection {
    let rows: VectorRows
    let M: Int
    let alpha: Float
    let lift: InnerProductLift

    /// Leaves in `scratch.kept` the links of a node: of `scratch.candidates`, from the nearest on, each that is not
    /// alpha times nearer to one that was kept before than to the node (Subramanya et al. 2019, algorithm 2), at most
    /// M. O(candidates × kept) distances.
    func select(_ scratch: inout BuildScratch) {
        scratch.candidates.sort()
        scratch.kept.removeAll(keepingCapacity: true)
        var alive = scratch.candidates.count
        while alive > 0, scratch.kept.count < M {
            let row = SortKey.row(scratch.candidates[0])
            scratch.kept.append(UInt32(row))
            if scratch.kept.count == M { return }
            lift.set(row, &scratch.search.query, rows)
            var left = 0
            scratch.candidates.withUnsafeMutableBufferPointer { candidates in
                // Survivors move to the front; they never overtake what is still to be read.
                var start = 1
                while start < alive {
                    let end = min(alive, start + CodeBatch.capacity)
                    for index in start..<end {
                        let row = SortKey.row(candidates[index])
                        scratch.search.batch.append(row, row: row, rows)
                    }
                    scratch.search.batch.flush(scratch.search.query, stride: rows.codeStride) { position, _, distance in
                        let key = candidates[start + position]
                        if alpha * max(0, distance) > max(0, SortKey.distance(key)) {
                            candidates[left] = key
                            left += 1
                        }
                    }
                    start = end
                }
            }
            alive = left
        }
    }

    /// Adds the distances of `others` to `row` to `scratch.candidates`.
    func addCandidates(_ others: UnsafeBufferPointer<UInt32>, of row: Int, _ scratch: inout BuildScratch) {
        lift.set(row, &scratch.search.query, rows)
        var start = 0
        while start < others.count {
            let end = min(others.count, start + CodeBatch.capacity)
            for index in start..<end {
                let row = Int(others[index])
                scratch.search.batch.append(row, row: row, rows)
            }
            scratch.search.batch.flush(scratch.search.query, stride: rows.codeStride) { _, other, distance in
                scratch.candidates.append(SortKey.make(distance, other))
            }
            start = end
        }
    }
}

/// Inner products are no distance: a long vector is near to all. While a graph is built they are made one, as
/// Bachrach et al. (2014) do: every row gets one more coordinate, √(max|x|² − |x|²), after which all are equally long
/// and the squared distance is 2 (max|x|² − product). Queries have 0 there, and are compared by the product alone.
final class InnerProductLift {
    private let values: [Float]
    private let base: Float

    /// Nothing to lift unless the metric is ip.
    init(rows: VectorRows) {
        guard rows.metric == .ip else {
            values = []
            base = 0
            return
        }
        let largest = (0..<rows.count).reduce(Float(0)) { max($0, rows.scale($1)[1]) }
        base = largest
        values = (0..<rows.count).map { max(0, largest - rows.scale($0)[1]).squareRoot() }
    }

    /// Makes a stored row the query. The query points into `values`, which must outlive it.
    @inline(__always)
    func set(_ row: Int, _ query: inout CodedQuery, _ rows: VectorRows) {
        guard !values.isEmpty else {
            query.set(row: row, in: rows)
            return
        }
        values.withUnsafeBufferPointer { query.set(row: row, in: rows, lifts: $0.baseAddress, liftBase: base) }
    }
}
