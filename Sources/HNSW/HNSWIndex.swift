package import Numerics

/// A frozen graph over a vector set, searched where it lies: level 0 may be mapped from a file. Ids that it holds are
/// checked before use, so that a damaged graph gives worse answers, never a crash; ``validate()`` tells.
///
/// Rows past the graph (its flat tail) are all compared by code, and so the answer is complete for all of the set.
package struct HNSWIndex: Sendable {
    package let set: VectorSet
    let level0: BlockRows
    let numbers: BlockRows
    let medoids: [UInt32]
    let sketches: Sketches?
    let entries: EntryTable
    /// Rows in the graph, 0..<graphCount of the set.
    package let graphCount: Int

    /// - Parameters:
    ///   - level0: rows as ``GraphLayout`` says; no more of them than vectors are used.
    ///   - numbers: rows as ``NodeNumbers`` says, as many as nodes; fewer are as good as no graph.
    ///   - medoids: as ``HNSWGraph/medoids``.
    ///   - sketches: of all nodes; without them a walk compares more codes.
    package init(set: VectorSet, level0: BlockRows, numbers: BlockRows, medoids: [UInt32], sketches: Sketches? = nil) {
        precondition(level0.count == 0 || level0.stride >= GraphLayout.stride, "rows of level 0 are too short")
        self.set = set
        self.level0 = level0
        self.medoids = medoids
        self.numbers = numbers
        let nodes = numbers.count < level0.count ? 0 : min(level0.count, set.count)
        graphCount = nodes
        let usable = sketches.flatMap { sketches in
            sketches.count >= nodes
                && sketches.basis.fits(dimension: set.dimension)
                ? sketches : nil
        }
        self.sketches = usable
        entries = Self.withGraph(set, level0, numbers, nodes, usable) { EntryTable(medoids: medoids, $0) }
    }

    /// A graph that was just built; it must outlive the index.
    package init(set: VectorSet, graph: borrowing HNSWGraph) {
        self.init(
            set: set, level0: graph.level0Rows, numbers: graph.numberRows, medoids: graph.medoids,
            sketches: graph.sketches)
    }

    func withGraph<R>(_ body: (GraphRows) -> R) -> R {
        Self.withGraph(set, level0, numbers, graphCount, sketches, body)
    }

    private static func withGraph<R>(
        _ set: VectorSet, _ level0: BlockRows, _ numbers: BlockRows, _ nodes: Int, _ sketches: Sketches?,
        _ body: (GraphRows) -> R
    ) -> R {
        set.withRows { rows in
            level0.withPointers { level0 in
                numbers.withPointers {
                    body(
                        GraphRows(
                            rows: rows, level0: level0, nodes: nodes, numbers: NodeNumbers($0, nodes: nodes),
                            sketches: sketches))
                }
            }
        }
    }
}
