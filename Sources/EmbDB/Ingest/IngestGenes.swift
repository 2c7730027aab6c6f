internal import AnnData
internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// The gene embeddings that an ingest brings along: the pass that embeds a cell also adds to the sums of its genes.
struct IngestGenes {
    private var tally: GeneTally
    /// Of the source that cells come from; nil without groups.
    private var labels: GroupLabels?
    /// Groups of the cells that wait to be embedded.
    private var waiting: [[Int]] = []
    private let secondsBetweenStores: Double
    private var lastStore = Date()
    private var storeSeconds = 0.0

    /// nil without a model, or if the stored sums lack visible cells: then they are computed when they are next asked for.
    ///
    /// Takes up the sums of the same ingest where they were last stored, and passes through the model again what was
    /// committed since.
    init?(
        _ work: PendingIngest, visible state: DatabaseState, model: EmbeddingModel?, options: IngestOptions,
        control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        secondsBetweenStores = options.secondsBetweenGeneStores
        guard let model, let settings = work.state.embedding else { return nil }
        let (tokenCount, dimension) = (model.vocabulary.count, settings.dimension)
        func stored(_ place: GenePlace, _ rows: ClosedRange<Int>) -> GeneTally? {
            guard let record = try? StoredGenes.record(place, in: transaction), record.column == work.groupGenesBy,
                rows.contains(record.rows)
            else { return nil }
            return try? StoredGenes.tally(
                record, place, tokenCount: tokenCount, dimension: dimension, in: transaction)
        }
        let empty =
            state.rows > 0
            ? nil
            : try GeneTally(
                column: work.groupGenesBy, counted: Bitmap(count: 0), tokenCount: tokenCount, dimension: dimension)
        guard
            let known = stored(.pending, state.rows...max(state.rows, work.state.rows))
                ?? stored(.visible, state.rows...state.rows) ?? empty
        else { return nil }
        tally = known
        try catchUp(work, model: model, settings: settings, threads: options.threads, control: control, in: transaction)
    }

    private mutating func catchUp(
        _ work: PendingIngest, model: EmbeddingModel, settings: EmbeddingSettings, threads: Int, control: Control,
        in transaction: borrowing ReadTransaction
    ) throws {
        let rows = Array(tally.counted.count..<max(tally.counted.count, work.state.rows))
        guard !rows.isEmpty else { return }
        let stored = try work.groupGenesBy.flatMap { name -> GroupLabels? in
            guard let number = work.state.columns.firstIndex(where: { $0.name == name }) else { return nil }
            return try GroupLabels(StoredObs.column(number, state: work.state, in: transaction), name: name)
        }
        let embedder = model.embedder(settings, threads: threads)
        for first in stride(from: 0, to: rows.count, by: IngestBatch.cells) {
            let counter = Control.Counter(from: first)
            try tally.add(
                storedRows: Array(rows[first..<min(rows.count, first + IngestBatch.cells)]), takingAway: false,
                labels: stored, model: model, embedder: embedder, in: transaction
            ) {
                control.progress(
                    .init(
                        unit: "cells", phase: "taking up gene embeddings", done: counter.next(), total: rows.count))
                return !control.isCancelled()
            }
        }
        tally.count(upTo: work.state.rows)
    }

    /// From now on cells come from `source`.
    mutating func use(_ source: CellSource) throws {
        labels = try Self.labels(of: tally.column, in: source)
    }

    static func labels(of column: String?, in source: CellSource) throws -> GroupLabels? {
        guard let column, source.file.obs.columnNames.contains(column) else { return nil }
        let obs = SourceObs(file: source.file, cells: source.cellColumn)
        return try obs.columnNames.contains(column) ? GroupLabels(obs.column(column), name: column) : nil
    }

    /// The source's cell `row` is the next to be embedded.
    ///
    /// - Throws: as ``GeneTally/addGroup(_:cells:)``.
    mutating func add(row: Int) throws { waiting.append(try tally.groups(of: labels?[row])) }

    /// What is done with the hidden states of the cells that waited.
    mutating func takeWaiting(
        _ inputs: [CellInput]
    ) -> @Sendable (Int, borrowing BertWorkspace) throws(TransformerError) -> Void {
        let (sums, groups) = (tally.sums, waiting)
        waiting.removeAll(keepingCapacity: true)
        return { (index, workspace: borrowing BertWorkspace) throws(TransformerError) in
            try sums.add(inputs[index], of: workspace, to: groups[index])
        }
    }

    /// Stores the sums of all rows up to `rows`: with the last commit for answers, before that from time to time.
    mutating func store(rows: Int, isLast: Bool, in transaction: inout WriteTransaction) throws {
        let start = Date()
        guard isLast || start.timeIntervalSince(lastStore) >= max(secondsBetweenStores, 50 * storeSeconds) else {
            return
        }
        tally.count(upTo: rows)
        try StoredGenes.put(tally, isLast ? .visible : .pending, in: &transaction)
        lastStore = Date()
        storeSeconds = lastStore.timeIntervalSince(start)
    }
}

/// By which obs column an ingest groups genes.
enum GeneGrouping {
    /// The column that is asked for, or that of the database; nil for none.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if it is asked for and there is no such column, or it has too many values.
    static func column(
        _ options: IngestOptions, state: DatabaseState, sources: [CellSource], model: EmbeddingModel, path: String,
        database: Database?, warning: (String) -> Void
    ) throws -> String? {
        let stored = try database?.environment.read { try? StoredGenes.record(.visible, in: $0)?.column } ?? nil
        guard let column = options.groupGenesBy ?? stored else { return nil }
        do {
            try check(column, state: state, sources: sources, model: model, path: path, database: database)
            return column
        } catch {
            guard options.groupGenesBy == nil else { throw error }
            warning("the gene embeddings are not brought up to date: \(EmbDBError(wrapping: error).message)")
            return nil
        }
    }

    private static func check(
        _ column: String, state: DatabaseState, sources: [CellSource], model: EmbeddingModel, path: String,
        database: Database?
    ) throws {
        let known = state.columns.map(\.name) + sources.flatMap(\.file.obs.columnNames)
        guard known.contains(column) else {
            var seen: Set<String> = []
            throw GenePlan.noColumn(column, in: known.filter { seen.insert($0).inserted }, path)
        }
        var values: Set<String> = []
        if let number = state.columns.firstIndex(where: { $0.name == column }), let database {
            try database.environment.read { transaction in
                let live = try MetaRecords.live(transaction, rows: state.rows)
                values = try GroupLabels(StoredObs.column(number, state: state, in: transaction), name: column)
                    .values(of: live.rows)
            }
        }
        for source in sources {
            guard let labels = try IngestGenes.labels(of: column, in: source) else { continue }
            values.formUnion(labels.values(of: source.selected.rows))
        }
        try GeneRoom.check(
            groups: values.count, column: column, tokenCount: model.vocabulary.count,
            dimension: model.configuration.hiddenSize)
    }
}
