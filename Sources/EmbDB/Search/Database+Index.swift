internal import HNSW
internal import LMDBStore
internal import Numerics

extension Control {
    /// Passes on what a builder of graphs reports.
    fileprivate func watch(unit: String, phase: String) -> BuildWatch {
        BuildWatch { done, total in
            progress(.init(unit: unit, phase: phase, done: done, total: total))
            return !isCancelled()
        }
    }
}

extension Database {
    /// Below so many rows outside of the graph a scan of them costs less than their insertion is worth.
    private static let smallestTail = 1000
    /// The tail is inserted when it passes this share of the graph.
    private static let tailShare = 10
    /// A graph that has to grow by more than this factor is built anew.
    private static let largestGrowth = 4

    /// Rows that ``updateIndex(threads:parameters:control:)`` would insert after an ingest of so many cells.
    static func rowsToIndex(after cells: Int, state: DatabaseState, _ database: Database?) throws -> Int {
        let indexed = try database?.environment.read { try MetaRecords.index($0)?.rows ?? 0 } ?? 0
        let rows = state.rows + cells
        guard isDue(rows: rows, indexed: indexed) else { return 0 }
        return indexed > 0 && rows <= indexed * largestGrowth ? rows - indexed : rows
    }

    private static func isDue(rows: Int, indexed: Int) -> Bool {
        rows - indexed >= smallestTail && (rows - indexed) * tailShare >= indexed
    }

    /// Inserts the flat tail into the graph if it has grown large enough, or builds the graph; writes it as a whole in
    /// one transaction. Does nothing where the index is good as it is.
    ///
    /// - Throws: ``EmbDBError/Code/cancelled``; the index is then what it was, and the cells outside of it are still
    ///   found.
    func updateIndex(threads: Int, parameters: HNSWParameters = HNSWParameters(), control: Control) throws {
        try environment.read { transaction in
            guard let snapshot = try? Snapshot(transaction, path: path, deletedOnes: true) else { return }
            let rows = snapshot.state.rows
            guard Self.isDue(rows: rows, indexed: snapshot.index.graphCount) else { return }
            // Read whole before it is built upon: a damaged graph is not mended by what is added to it.
            let isSound =
                (try? Layout.graph.verify(in: transaction)) != nil
                && (try? Layout.graphNumbers.verify(in: transaction)) != nil
                && (try? Layout.sketches.verify(in: transaction)) != nil
                && (try? snapshot.index.validate()) != nil
            let indexed = isSound ? snapshot.index.graphCount : 0
            let grows = indexed > 0 && rows <= indexed * Self.largestGrowth
            let builder =
                grows
                ? HNSWBuilder(extending: snapshot.index, parameters: parameters)
                : HNSWBuilder(snapshot.set, parameters: parameters)
            do {
                let graph = try builder.build(
                    threads: threads, watch: control.watch(unit: "cells", phase: "building the index"))
                let chosen = try Recall.smallestEf(
                    for: HNSWIndex(set: snapshot.set, graph: graph), threads: threads,
                    watch: control.watch(unit: "searches", phase: "choosing ef"))
                let description = IndexDescription(
                    rows: graph.count, entries: graph.medoids, recommendedEf: chosen.ef, recall: chosen.recall)
                if !description.isReliable {
                    control.warning(
                        "the embeddings differ too little, or too much in length, for a search by the graph: it finds "
                            + "\(Int(chosen.recall * 100)) % of the "
                            + "nearest (\(path)); searches compare all cells unless --ef is given")
                }
                try environment.write { transaction in
                    // Rows may have other numbers since: the graph is of no use then.
                    guard try MetaRecords.state(transaction).compactions == snapshot.state.compactions else { return }
                    try Layout.graph.replaceAll(graph.level0Bytes, in: &transaction)
                    try Layout.graphNumbers.replaceAll(graph.numberBytes, in: &transaction)
                    try Layout.sketches.replaceAll(graph.sketchBytes, in: &transaction)
                    try MetaRecords.put(graph.basis, in: &transaction)
                    try MetaRecords.put(description, in: &transaction)
                }
            } catch is Stopped {
                throw EmbDBError(
                    .cancelled,
                    "stopped while the index was built; all cells are there, and searched one by one (\(path)): run "
                        + "the same command again to build it")
            }
        }
    }
}
