internal import CKernels
internal import Numerics

/// Which row of the vector set each node of a graph is, and the other way round. Nodes are numbered so that those that a
/// walk meets together lie together; rows are in the order in which they came.
///
/// A row of 8 bytes for each number n: the row of node n and the node of row n, UInt32, little-endian.
package struct NodeNumbers {
    /// Bytes from a row to the next.
    package static let stride = 8

    private let table: RowPointers
    private let last: Int

    /// - Parameters:
    ///   - table: at least `nodes` rows.
    ///   - nodes: more than 0, or nothing is asked for.
    init(_ table: RowPointers, nodes: Int) {
        self.table = table
        last = nodes - 1
    }

    /// The row of a node. What is read is not trusted: it is below the number of nodes.
    @inline(__always)
    func row(_ node: Int) -> Int { min(Int(table[node].assumingMemoryBound(to: UInt32.self)[0]), last) }

    /// Asks for what ``row(_:)`` reads.
    @inline(__always)
    func prefetch(_ node: Int) { ek_prefetch_line(table[node]) }

    /// The node of a row.
    @inline(__always)
    func node(_ row: Int) -> Int { min(Int(table[row].assumingMemoryBound(to: UInt32.self)[1]), last) }

    /// The nodes of those of `rows` that have one.
    func nodes(of rows: Bitmap) -> Bitmap {
        var nodes = Bitmap(count: last + 1)
        nodes.withWords { words in
            ExactSearch.forEachBatch(rows: 0..<min(rows.count, last + 1), keeping: rows) { batch in
                for row in batch {
                    let node = node(Int(row))
                    words[node >> 6] |= 1 << UInt64(node & 63)
                }
            }
        }
        return nodes
    }

    /// The first node that is not the node of its row, or whose row another has too.
    func firstWrong() -> Int? {
        (0..<last + 1).first { number in
            let words = table[number].assumingMemoryBound(to: UInt32.self)
            return words[0] > UInt32(last) || words[1] > UInt32(last) || node(row(number)) != number
        }
    }
}
