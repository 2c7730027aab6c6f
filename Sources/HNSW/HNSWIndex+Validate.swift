internal import Numerics

extension HNSWIndex {
    /// Reads every link: all ids in range, no node linked to itself or twice to another, every row reachable from the
    /// entries; and that sketches are those of the codes.
    ///
    /// - Throws: ``HNSWError`` for the first fault.
    /// - Complexity: O(rows × 48); reads all of level 0.
    package func validate() throws(HNSWError) {
        func fault(_ code: HNSWError.Code, row: Int?, link: Int? = nil) -> HNSWError {
            HNSWError(code: code, row: row, link: link, count: graphCount)
        }
        if let entry = medoids.first(where: { Int($0) >= graphCount }) {
            throw fault(.idOutOfRange, row: nil, link: Int(entry))
        }
        let found: HNSWError? = withGraph { graph in
            for row in 0..<graphCount {
                let links = graph.links(row)
                var seen: [UInt32] = []
                for slot in 0..<GraphLayout.links {
                    let link = links[slot]
                    if link == GraphLayout.none { break }
                    if Int(link) >= graphCount { return fault(.idOutOfRange, row: row, link: Int(link)) }
                    if Int(link) == row { return fault(.selfLoop, row: row) }
                    if seen.contains(link) { return fault(.repeatedLink, row: row, link: Int(link)) }
                    seen.append(link)
                }
                let next = links[GraphLayout.chain]
                if next != GraphLayout.none, graph.nextIdentical(row) == nil {
                    return fault(.badDuplicate, row: row, link: Int(next))
                }
            }
            if graphCount > 0, let node = graph.numbers.firstWrong() { return fault(.wrongNumber, row: node) }
            if let row = graph.firstWrongSketch() { return fault(.wrongSketch, row: row) }
            var reached = Reachability(nodes: graphCount)
            for entry in medoids { reached.visit(from: Int(entry), graph) }
            return reached.firstMissing(from: 0).map { fault(.unreachable, row: $0) }
        }
        if let found { throw found }
    }
}

extension GraphRows {
    fileprivate func firstWrongSketch() -> Int? {
        guard let sketches else { return nil }
        var query = CodedQuery()
        let sketch = AlignedBuffer<Int8>(repeating: 0, count: SketchBasis.stride)
        for row in 0..<nodes {
            sketches.basis.write(numbers.row(row), in: rows, &query, to: sketch.baseAddress)
            let stored = UnsafeRawBufferPointer(start: sketches.sketch(row), count: SketchBasis.stride)
            if !stored.elementsEqual(UnsafeRawBufferPointer(sketch.pointer)) { return row }
        }
        return nil
    }
}

/// Which rows walks can reach, those in chains of identical rows included.
struct Reachability {
    private var reached: Bitmap
    private var queue: [Int] = []

    init(nodes: Int) { reached = Bitmap(count: nodes) }

    subscript(row: Int) -> Bool { reached[row] }

    /// Adds all that can be reached from `start`.
    mutating func visit(from start: Int, _ graph: GraphRows) {
        guard start < graph.nodes, !reached[start] else { return }
        reached[start] = true
        queue.append(start)
        while let node = queue.popLast() {
            let links = graph.links(node)
            for slot in 0..<GraphLayout.links {
                let link = links[slot]
                if link == GraphLayout.none { break }
                guard Int(link) < graph.nodes, !reached[Int(link)] else { continue }
                reached[Int(link)] = true
                queue.append(Int(link))
            }
            if let next = graph.nextIdentical(node), !reached[next] {
                reached[next] = true
                queue.append(next)
            }
        }
    }

    /// The lowest row at or above `row` that was not reached.
    func firstMissing(from row: Int) -> Int? { (row..<max(row, reached.count)).first { !reached[$0] } }
}
