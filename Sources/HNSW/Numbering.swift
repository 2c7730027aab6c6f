internal import Numerics

/// The order in which rows become nodes: by the entry that is nearest to them, so that nodes which a walk meets together
/// share cache lines and pages; each entry first, and behind it the others ascending, so that chains of identical rows
/// ascend too.
struct Numbering {
    /// The rows of the nodes, by node.
    private let rows: [UInt32]
    /// The nodes of the rows, by row.
    private let nodes: [UInt32]

    /// - Parameters:
    ///   - nearest: for every row the row of the entry nearest to it.
    ///   - entries: the rows of all entries, each the first of its chain.
    ///   - next: the row after a row in its chain of identical ones, which is a higher one.
    init(byEntry nearest: [UInt32], entries: [UInt32], next: (Int) -> Int? = { _ in nil }) {
        var nearest = nearest
        for entry in entries { nearest[Int(entry)] = entry }
        // Chains stay in one cell, also where two entries are equally near.
        for row in nearest.indices {
            if let next = next(row) { nearest[next] = nearest[row] }
        }
        var starts = [Int](repeating: 0, count: nearest.count + 1)
        for entry in nearest { starts[Int(entry) + 1] += 1 }
        for row in nearest.indices { starts[row + 1] += starts[row] }
        var (rows, nodes) = ([UInt32](repeating: 0, count: nearest.count), [UInt32](repeating: 0, count: nearest.count))
        func add(_ row: Int) {
            let entry = Int(nearest[row])
            rows[starts[entry]] = UInt32(row)
            nodes[row] = UInt32(starts[entry])
            starts[entry] += 1
        }
        for entry in entries { add(Int(entry)) }
        let isEntry = Set(entries)
        for row in nearest.indices where !isEntry.contains(UInt32(row)) { add(row) }
        (self.rows, self.nodes) = (rows, nodes)
    }

    func node(_ row: UInt32) -> UInt32 { nodes[Int(row)] }

    /// As ``NodeNumbers`` has it.
    func table() -> AlignedBuffer<UInt32> {
        let table = AlignedBuffer<UInt32>(repeating: 0, count: 2 * rows.count)
        for number in rows.indices {
            table.baseAddress[2 * number] = rows[number]
            table.baseAddress[2 * number + 1] = nodes[number]
        }
        return table
    }

    /// Moves what lies by row to where it lies by node, cycle by cycle of the permutation: a second copy of a graph of
    /// millions would take gigabytes.
    ///
    /// - Parameter table: `stride` bytes for each row.
    func apply(to table: UnsafeMutableRawPointer, stride: Int) {
        var isDone = Bitmap(count: rows.count)
        let first = UnsafeMutableRawPointer.allocate(byteCount: stride, alignment: 64)
        defer { first.deallocate() }
        for start in rows.indices where !isDone[start] && Int(rows[start]) != start {
            first.copyMemory(from: table + start * stride, byteCount: stride)
            var node = start
            while Int(rows[node]) != start {
                let row = Int(rows[node])
                (table + node * stride).copyMemory(from: table + row * stride, byteCount: stride)
                isDone[node] = true
                node = row
            }
            (table + node * stride).copyMemory(from: first, byteCount: stride)
            isDone[node] = true
        }
    }
}
