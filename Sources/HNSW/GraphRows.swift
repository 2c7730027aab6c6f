internal import CKernels
internal import Numerics

/// Level 0 beside the vectors, while a search runs. Nothing that is read from it is trusted.
struct GraphRows {
    let rows: VectorRows
    let level0: RowPointers
    /// Rows in the graph.
    let nodes: Int
    /// nil where there are none: then all rows are compared by code.
    let sketches: Sketches?

    @inline(__always)
    func links(_ node: Int) -> UnsafePointer<UInt32> { level0[node].assumingMemoryBound(to: UInt32.self) }

    /// A row is three cache lines; the second and third hold links in most, the chain in all.
    @inline(__always)
    func prefetchLinks(_ node: Int) {
        let links = level0[node]
        ek_prefetch_line(links)
        ek_prefetch_line(links + 64)
        ek_prefetch_line(links + 128)
    }

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
}
