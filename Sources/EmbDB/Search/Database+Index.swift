internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// Below so many rows outside of the graph a scan of them costs less than their insertion is worth.
    private static let smallestTail = 1000
    /// The tail is inserted when it passes this share of the graph.
    private static let tailShare = 10
    /// A graph that has to grow by more than this factor is built anew.
    private static let largestGrowth = 4

    /// Inserts the flat tail into the graph if it has grown large enough, or builds the graph; writes it as a whole in
    /// one transaction. Does nothing where the index is good as it is.
    func updateIndex(threads: Int, parameters: HNSWParameters = HNSWParameters(), control: Control) throws {
        try environment.read { transaction in
            guard let snapshot = try? Snapshot(transaction, path: path) else { return }
            // Read whole before it is built upon: a damaged graph is not mended by what is added to it.
            let isSound =
                (try? Layout.graph.verify(in: transaction)) != nil && (try? snapshot.index.validate()) != nil
            let indexed = isSound ? snapshot.index.graphCount : 0
            let tail = snapshot.state.rows - indexed
            guard tail >= Self.smallestTail, tail * Self.tailShare >= indexed else { return }
            control.progress(.init(unit: "cells", phase: "building the index", done: 0, total: tail))
            let grows = indexed > 0 && snapshot.state.rows <= indexed * Self.largestGrowth
            let builder =
                grows
                ? HNSWBuilder(extending: snapshot.index, parameters: parameters)
                : HNSWBuilder(snapshot.set, parameters: parameters)
            let graph = builder.build(threads: threads)
            let chosen = Recall.smallestEf(for: HNSWIndex(set: snapshot.set, graph: graph), threads: threads)
            let description = IndexDescription(
                rows: graph.count, entries: graph.medoids, recommendedEf: chosen.ef)
            try environment.write { transaction in
                try Layout.graph.replaceAll(graph.level0Bytes, in: &transaction)
                try MetaRecords.put(description, in: &transaction)
            }
        }
    }
}
