internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Which cells the stored gene embeddings lack, by the obs column that is asked for.
struct GenePlan {
    /// The groups' column; nil for none.
    let column: String?
    /// What is stored, if it is grouped by the same column; of a damaged record, nothing.
    let record: GeneRecord?
    let counted: Bitmap
    /// Rows to take away (replaced or deleted since), then rows to add.
    let gone: [Int]
    private(set) var missing: [Int]

    /// Only takes away.
    var withoutMissing: GenePlan {
        var plan = self
        plan.missing = []
        return plan
    }

    var isComplete: Bool { record != nil && gone.isEmpty && missing.isEmpty }

    /// - Parameter wanted: nil for the stored one.
    /// - Throws: ``EmbDBError/Code/usage`` for a column that is not there or cannot be groups.
    init(
        _ wanted: String?, state: DatabaseState, live: Bitmap, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        let stored = try? StoredGenes.record(.visible, in: transaction)
        column = wanted ?? stored?.column
        if let column {
            guard let found = state.columns.first(where: { $0.name == column }) else {
                throw Self.noColumn(column, in: state.columns.map(\.name), path)
            }
            if found.kind == .number { throw GroupLabels.noGroups(column) }
        }
        var record = stored?.column == column && (stored?.rows ?? 0) <= state.rows ? stored : nil
        var counted = Bitmap(count: state.rows)
        if let known = record, let rows = try? StoredGenes.counted(known, .visible, in: transaction) {
            for row in rows.rows { counted[row] = true }
        } else {
            record = nil
        }
        if counted.rows.count(where: { !live[$0] }) > live.population {
            // To count the cells that are left is less work than to take away those that are not.
            (record, counted) = (nil, Bitmap(count: state.rows))
        }
        gone = counted.rows.filter { !live[$0] }
        missing = live.rows.filter { !counted[$0] }
        self.record = record
        self.counted = counted
    }

    static func noColumn(_ column: String, in columns: [String], _ path: String) -> EmbDBError {
        EmbDBError(
            .usage,
            "--group-genes-by \(column): there is no such obs column (\(path)): "
                + obsColumnAdvice(for: column, among: columns))
    }
}

/// Brings the gene embeddings up to date from the stored tokens, and stores them where the database can be written.
struct GeneUpdate {
    /// Stored so often, and not more than a fiftieth of the time is spent on it.
    private static let secondsBetweenStores = 60.0
    private static let batch = 64

    private let database: Database
    private let control: Control
    private let state: DatabaseState
    private let live: Bitmap
    private let model: EmbeddingModel
    private let embedder: CellEmbedder
    private let labels: GroupLabels?
    private let todo: [(row: Int, takingAway: Bool)]
    private var stored: GeneRecord?
    private var canStore: Bool
    /// Why the sums could not be stored.
    private(set) var failure: EmbDBError?
    private(set) var tally: GeneTally

    init(
        _ plan: GenePlan, _ snapshot: Snapshot, database: Database, threads: Int, control: Control,
        in transaction: borrowing ReadTransaction
    ) throws {
        self.database = database
        self.control = control
        state = snapshot.state
        live = snapshot.live
        model = try StoredModel.load(snapshot.requireModel(path: database.path), in: transaction)
        embedder = model.embedder(snapshot.settings, threads: threads)
        let (tokenCount, dimension) = (model.vocabulary.count, snapshot.settings.dimension)
        labels = try plan.column.map { name in
            let number = snapshot.state.columns.firstIndex { $0.name == name } ?? 0
            return try GroupLabels(
                StoredObs.column(number, state: snapshot.state, in: transaction), name: name)
        }
        if let labels, let column = plan.column {
            try GeneRoom.check(
                groups: labels.values(of: snapshot.live.rows).count, column: column, tokenCount: tokenCount,
                dimension: dimension)
        }
        stored = try? StoredGenes.record(.visible, in: transaction)
        canStore = database.environment.mode != .readOnly
        let known = plan.record.flatMap { record in
            try? StoredGenes.tally(
                record, .visible, tokenCount: tokenCount, dimension: dimension, in: transaction)
        }
        tally =
            try known
            ?? GeneTally(
                column: plan.column, counted: Bitmap(count: state.rows), tokenCount: tokenCount, dimension: dimension)
        todo =
            known == nil
            ? live.rows.map { ($0, false) } : plan.gone.map { ($0, true) } + plan.missing.map { ($0, false) }
    }

    mutating func perform() throws {
        guard !todo.isEmpty else {
            if stored == nil { try store() }
            return
        }
        let advice = canStore ? "they will be kept" : "the database may only be read: they are not kept"
        control.warning("gene embeddings of \(todo.count) cells are computed from their stored tokens first; \(advice)")
        var counted = Bitmap(count: state.rows)
        for row in tally.counted.rows { counted[row] = true }
        tally.counted = counted
        var next = 0
        var interval = Self.secondsBetweenStores
        while next < todo.count {
            let start = Date()
            try database.environment.read { transaction in
                // A short transaction at a time: what a reader sees, a writer cannot use again.
                guard try isUnchanged(transaction) else { throw otherWriter() }
                while next < todo.count, Date().timeIntervalSince(start) < interval {
                    next = try addBatch(from: next, in: transaction)
                }
            }
            let stop = Date()
            try store()
            interval = max(interval, 50 * Date().timeIntervalSince(stop))
        }
    }

    /// - Returns: the next one to do.
    private mutating func addBatch(from first: Int, in transaction: borrowing ReadTransaction) throws -> Int {
        let takingAway = todo[first].takingAway
        let rows = todo[first...].prefix(Self.batch).prefix { $0.takingAway == takingAway }.map(\.row)
        let (control, total) = (control, todo.count)
        let counter = Control.Counter(from: first)
        do {
            try tally.add(
                storedRows: rows, takingAway: takingAway, labels: labels, model: model, embedder: embedder,
                in: transaction
            ) {
                control.progress(.init(unit: "cells", phase: "gene embeddings", done: counter.next(), total: total))
                return !control.isCancelled()
            }
        } catch {
            guard EmbDBError(wrapping: error).code == .cancelled else { throw error }
            throw EmbDBError(
                .cancelled, "stopped; what was stored until now stays: run the same command again to go on")
        }
        for row in rows { tally.counted[row] = !takingAway }
        return first + rows.count
    }

    private func isUnchanged(_ transaction: borrowing some Transaction & ~Copyable) throws -> Bool {
        try MetaRecords.state(transaction) == state && MetaRecords.live(transaction, rows: state.rows) == live
    }

    private func otherWriter() -> EmbDBError {
        EmbDBError(
            .locked, "another process has changed the database meanwhile (\(database.path)): run the command again")
    }

    /// Does without where it cannot be.
    private mutating func store() throws {
        guard canStore else { return }
        do {
            let (tally, former) = (tally, stored)
            stored = try database.environment.write { transaction -> GeneRecord? in
                // Somebody else may have stored them meanwhile.
                guard try isUnchanged(transaction), (try? StoredGenes.record(.visible, in: transaction)) == former
                else { throw otherWriter() }
                try StoredGenes.put(tally, .visible, in: &transaction)
                return try StoredGenes.record(.visible, in: transaction)
            }
        } catch {
            canStore = false
            let failure = EmbDBError(wrapping: error)
            self.failure = failure
            control.warning("the gene embeddings are not kept: \(failure.message)")
        }
    }
}
