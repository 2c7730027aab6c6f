internal import Numerics

/// Builds a graph over all rows of a set, or lets an existing graph grow over the rows that came after it.
///
/// Nodes are inserted in batches of 5 % of what is in: all nodes of a batch search the graph as it stood before, then
/// the links back to them are grouped by target, and every target merges and prunes its own list. There are no locks,
/// and the graph's bytes depend on the rows and the parameters alone, not on the number of threads or the machine's
/// instruction set: distances are those of the int8 codes.
///
/// - Complexity: O(n log n) distances in practice; 200,000 rows of 256 dimensions take some 10 s of one core.
package struct HNSWBuilder {
    let set: VectorSet
    let parameters: HNSWParameters
    /// The graph that is to grow.
    private let old: HNSWIndex?

    /// A graph from nothing.
    package init(_ set: VectorSet, parameters: HNSWParameters = HNSWParameters()) {
        self.set = set
        self.parameters = parameters
        old = nil
    }

    /// A graph of all rows of `index.set` that keeps the nodes of `index` and inserts its tail. The entry table stays:
    /// where the set has become several times as large, a new graph is the better one.
    package init(extending index: HNSWIndex, parameters: HNSWParameters = HNSWParameters()) {
        set = index.set
        self.parameters = parameters
        // Without an entry nothing is reachable, so there is nothing to keep.
        old = index.entries.nodes.isEmpty ? nil : index
    }

    /// ``build(threads:watch:)`` to its end.
    package func build(threads: Int = Parallel.availableThreads) -> HNSWGraph {
        do {
            return try build(threads: threads, watch: nil)
        } catch {
            preconditionFailure("nobody watches, so nobody stops it")
        }
    }

    /// Builds. Takes 192 bytes a row, and as much again as the rows' codes take to read.
    ///
    /// - Parameter watch: told how many of the new rows are in the graph.
    /// - Throws: ``Stopped`` if `watch` says so.
    package func build(threads: Int, watch: BuildWatch?) throws(Stopped) -> HNSWGraph {
        let finished = try set.withRows { rows throws(Stopped) in
            let growing = GrowingGraph(rows: rows, parameters: parameters, threads: threads)
            let kept = old?.graphCount ?? 0
            var oldMedoids = old.map { $0.withGraph { growing.copy($0, entries: old?.entries.nodes ?? []) } } ?? []
            var fresh = growing.chainIdentical(after: kept, entries: &oldMedoids)
            let counter = BuildWatch.Counter(watch, total: fresh.count)
            try counter.check()
            var random = SeededRandom(seed: parameters.seed &+ 1)
            if oldMedoids.isEmpty {
                let clusters = Clusters(
                    max(1, min(parameters.medoids, fresh.count / 20)), of: fresh, in: rows,
                    seed: parameters.seed, threads: threads)
                let medoids = clusters.medoids
                if SketchBasis.isWorthwhile(rows),
                    let basis = clusters.sketchBasis(in: rows, seed: parameters.seed, threads: threads)
                {
                    growing.sketch(basis)
                }
                let chosen = Set(medoids)
                fresh.removeAll { chosen.contains($0) }
                fresh.shuffle(using: &random)
                try growing.insert(medoids + fresh, medoids: medoids, alreadyIn: 0, counter)
            } else {
                if let basis = old?.sketches?.basis { growing.sketch(basis) }
                fresh.shuffle(using: &random)
                try growing.insert(fresh, medoids: oldMedoids, alreadyIn: kept, counter)
            }
            growing.connect()
            growing.number()
            return growing
        }
        return finished.finish()
    }
}
