internal import CKernels
internal import Numerics

/// Level 0 beside the vectors, while a search runs. Nothing that is read from it is trusted.
struct GraphRows {
    let rows: VectorRows
    let level0: RowPointers
    /// Rows in the graph.
    let nodes: Int
    let numbers: NodeNumbers
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

    /// The next node with the same code, or nil at the end of the chain. It ascends, so that a damaged one ends too.
    @inline(__always)
    func nextIdentical(_ node: Int) -> Int? {
        let next = Int(links(node)[GraphLayout.chain])
        return next > node && next < nodes ? next : nil
    }

    /// Whether the row of `node` or one that is identical to it is in the filter.
    @inline(__always)
    func matches(_ node: Int, _ filter: UnsafePointer<UInt64>) -> Bool {
        var node = node
        while true {
            let row = numbers.row(node)
            if filter[row >> 6] >> UInt64(row & 63) & 1 == 1 { return true }
            guard let next = nextIdentical(node) else { return false }
            node = next
        }
    }
}
