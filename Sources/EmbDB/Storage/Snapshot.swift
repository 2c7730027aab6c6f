internal import AnnData
internal import HNSW
internal import LMDBStore
internal import Numerics

/// What a read transaction shows, resolved once: the state, the rows that answers may name, vectors and graph read in
/// place. Valid while the transaction is.
struct Snapshot {
    let state: DatabaseState
    let settings: EmbeddingSettings
    /// nil for vectors that were made elsewhere.
    let model: ModelReference?
    /// Rows that are not deleted.
    let live: Bitmap
    let index: HNSWIndex
    /// Chosen when the graph was built; nil without a graph.
    let recommendedEf: Int?
    /// The recall@10 that it reached; nil without a graph, or where nobody measured it.
    let recall: Double?
    private let isReliable: Bool

    var set: VectorSet { index.set }

    /// - Parameter deletedOnes: whether rows will do that are all deleted: for whoever looks after the file.
    /// - Throws: ``EmbDBError/Code/nothingFound`` if there are no cells, `corrupted`.
    init(_ transaction: borrowing ReadTransaction, path: String, deletedOnes: Bool = false) throws {
        state = try MetaRecords.state(transaction)
        live = try MetaRecords.live(transaction, rows: state.rows)
        guard let settings = state.embedding, state.rows > 0, deletedOnes || live.population > 0 else {
            throw Self.noCells(state, pending: try MetaRecords.pending(transaction), path: path)
        }
        self.settings = settings
        model = state.model
        let set = try StoredVectors.set(transaction, settings: settings, rows: state.rows)
        // Derived, as the graph: a damaged record is as good as none.
        let description = try? MetaRecords.index(transaction)
        let graph = Self.graph(Layout.graph, description, rows: state.rows, transaction)
        index = HNSWIndex(
            set: set, level0: graph,
            numbers: Self.graph(Layout.graphNumbers, description, rows: state.rows, transaction),
            medoids: graph.count > 0 ? description?.entries ?? [] : [],
            sketches: Self.sketches(dimension: settings.dimension, nodes: graph.count, transaction))
        let used = index.graphCount > 0 ? description : nil
        recommendedEf = used?.recommendedEf
        recall = used?.recall
        isReliable = used?.isReliable ?? true
    }

    static func noCells(_ state: DatabaseState, pending: PendingIngest?, path: String) -> EmbDBError {
        EmbDBError(
            .nothingFound,
            (state.rows > 0 ? "all cells of the database are deleted" : "the database has no cells yet")
                + " (\(path)): "
                + (pending.map { "run the unfinished ingest of \($0.sources.joined(separator: ", ")) again" }
                    ?? "ingest some"))
    }

    /// A column of the graph, or nothing if it does not fit: the vectors are the truth, and are then scanned.
    private static func graph(
        _ column: BlockColumn, _ description: IndexDescription?, rows: Int, _ transaction: borrowing ReadTransaction
    ) -> BlockRows {
        if let description, description.rows <= rows,
            let graph = try? column.blockRows(count: description.rows, in: transaction)
        {
            return graph
        }
        return BlockRows(blocks: [], rowsPerBlock: 1, stride: column.stride, count: 0)
    }

    /// Sketches for all nodes, or nil: a walk does without them.
    private static func sketches(
        dimension: Int, nodes: Int, _ transaction: borrowing ReadTransaction
    ) -> Sketches? {
        guard nodes > 0, let basis = try? MetaRecords.sketchBasis(transaction, dimension: dimension),
            let rows = try? Layout.sketches.blockRows(count: nodes, in: transaction), let table = rows.blocks.first,
            rows.blocks.count == 1
        else { return nil }
        return Sketches(basis: basis, table: table, count: rows.count)
    }

    /// The beam's length where the caller names none: as long as all rows, which are then compared one by one, where no
    /// length that was tried finds what it should.
    var defaultEf: Int { isReliable ? recommendedEf ?? 64 : state.rows }

    /// The model that made the embeddings.
    ///
    /// - Throws: ``EmbDBError/Code/model`` if it is not in the database.
    func requireModel(path: String) throws(EmbDBError) -> ModelReference {
        if let model { return model }
        throw EmbDBError(
            .model,
            "the database has vectors but no model (\(path)): tokens, genes and changed cells are only there where embdb "
                + "embedded the cells")
    }

    /// So many ids are looked through for what a wrong one may have meant: a fraction of a second.
    private static let idsToCompare = 100_000

    /// The live row of a cell.
    ///
    /// - Throws: ``EmbDBError/Code/unknownCell`` with the nearest ids.
    func row(of cell: String, path: String, in transaction: borrowing ReadTransaction) throws -> Int {
        if let row = try StoredCells.row(of: cell, state: state, live: live, in: transaction) { return row }
        var ids: [String] = []
        try Layout.cellOfRow.forEach(upTo: UInt64(min(state.rows, Self.idsToCompare)), in: transaction) { row, id in
            if live[Int(row)] { ids.append(id) }
        }
        let near = nearestNames(to: cell, in: ids)
        let advice =
            near.isEmpty
            ? "list the ids with: embdb export DB cells.tsv" : "ids near it are \(near.joined(separator: ", "))"
        throw EmbDBError(.unknownCell, "there is no cell \(cell) (\(path)): \(advice)")
    }
}
