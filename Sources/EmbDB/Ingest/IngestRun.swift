internal import AnnData
internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// One ingest or import: what is decided before the first cell, and the loop over batches.
struct IngestRun {
    let path: String
    let options: IngestOptions
    let control: Control
    let origin: EmbeddingOrigin
    let settings: EmbeddingSettings
    private(set) var sources: [CellSource]
    /// ``IngestKey`` of each source, and of all together.
    private let keys: [String]
    private let key: String
    /// Cells of sources that had been ingested before.
    let cellsComplete: Int
    /// For the report.
    let lastSource: CellSource?
    private(set) var state: DatabaseState
    private(set) var live: Bitmap
    private(set) var pending: PendingIngest?
    /// The obs column that gene embeddings are grouped by; nil for none.
    let groupGenesBy: String?
    private var wasResumed = false
    /// Whether no cell is skipped because its id is there. If one is, what the database holds may differ from what the
    /// sources hold, and the ingest is not remembered as complete.
    private var isWhole = true

    /// What a kill may cost; a commit takes some 10 ms.
    static let secondsBetweenCommits = 0.5

    /// Reads, computes and checks all that can fail before anything is written.
    ///
    /// - Parameter database: nil for one that is still to be made.
    init(
        reading database: Database?, path: String, files: [String], options: IngestOptions, control: Control
    ) throws {
        self.path = path
        self.control = control
        let found = try database?.environment.read { transaction in
            let state = try MetaRecords.state(transaction)
            return (
                state: state, live: try MetaRecords.live(transaction, rows: state.rows),
                pending: try MetaRecords.pending(transaction)
            )
        }
        state = found?.state ?? DatabaseState()
        live = found?.live ?? Bitmap(count: 0)
        pending = found?.pending
        let origin = try EmbeddingOrigin(database, path, state, pending, options, control)
        self.origin = origin
        var options = options
        if case .model = origin {
            if let warning = SIMDLevel.warning { control.warning(warning) }
            options.precision = options.precision.supported(warning: control.warning)
        }
        self.options = options
        // Before files are read, as far as it does not depend on them.
        var computed: EmbeddingSettings?
        if let model = origin.model { computed = try EmbeddingSettings(model, state, options) }
        var sources = try files.map {
            try CellSource(path: $0, options: options, reading: origin.reading, control: control)
        }
        let settings: EmbeddingSettings
        if let computed {
            settings = computed
        } else if let imported = options.imported {
            settings = try EmbeddingSettings(
                importedFrom: sources, imported, state, options.restart ? nil : pending, path: path, control: control)
        } else {
            throw EmbDBError(.usage, "neither a model nor embeddings to import (\(path)): name one of them")
        }
        self.settings = settings
        let keys = IngestKey.keys(sources, origin, settings, options)
        sources.drawSample(options)
        // Sources that are complete already have nothing to add.
        let complete = Dictionary(state.ingests.map { ($0.key, $0.cells) }, uniquingKeysWith: { first, _ in first })
        let open = sources.indices.filter { complete[keys[$0]] == nil }
        cellsComplete = keys.reduce(0) { $0 + (complete[$1] ?? 0) }
        lastSource = sources.last
        self.sources = open.map { sources[$0] }
        self.keys = open.map { keys[$0] }
        key = IngestKey.combined(self.keys)
        groupGenesBy = try origin.model.flatMap { model in
            try GeneGrouping.column(
                options, state: found?.state ?? DatabaseState(), sources: sources, model: model, path: path,
                database: database, warning: control.warning)
        }
    }

    // MARK: The run

    func continues(_ pending: PendingIngest) -> Bool {
        pending.key == key && pending.conflict == options.onConflict
            && (options.groupGenesBy == nil || options.groupGenesBy == pending.groupGenesBy)
    }

    mutating func perform(on database: Database) throws -> IngestReport {
        if sources.isEmpty {
            return try report(database, IngestCounts(), skipped: ["already_present": cellsComplete], wasComplete: true)
        }
        let alreadyPresent = try checkCells(database)
        var work = try begin(database)
        do {
            try run(database, &work)
        } catch {
            try? abandon(database, unless: error)
            guard EmbDBError(wrapping: error).code == .cancelled else { throw error }
            throw EmbDBError(
                .cancelled,
                "stopped; \(work.state.rows - state.rows) cells are kept (\(path)): run the same command again to go on"
            )
        }
        var skipped: [String: Int] = [:]
        let present = cellsComplete + alreadyPresent
        if present > 0 { skipped["already_present"] = present }
        if work.counts.withoutKnownGene > 0 { skipped["no_known_gene"] = work.counts.withoutKnownGene }
        return try report(database, work.counts, skipped: skipped, wasComplete: false)
    }

    /// The last checks before something is written: a pending ingest, and the ids. Cells that are to be skipped are no
    /// more selected then.
    ///
    /// - Returns: how many these are.
    mutating func checkCells(_ database: Database?) throws -> Int {
        if let pending, !continues(pending), !options.restart { throw pending.isInTheWay(of: state, path: path) }
        let check = try CellIDCheck(
            &sources, conflict: options.onConflict, state: state, live: live, control: control, database: database)
        isWhole = check.alreadyPresent == 0
        if sources.allSatisfy({ $0.cellCount == 0 }) {
            throw EmbDBError(
                .nothingFound,
                "there are no cells (\(sources.map(\.path).joined(separator: ", "))): check the file")
        }
        _ = try ObsSchema.union(state.columns, sources)
        for source in sources {
            guard case .vectors(let vectors) = source.content else { continue }
            try vectors.check(
                selected: source.selected, metric: EmbeddingMetric(rawValue: settings.metric) ?? .cosine,
                control: control)
        }
        return check.alreadyPresent
    }

    static func noKnownGene(_ sources: [String]) -> EmbDBError {
        EmbDBError(
            .nothingFound,
            "no cell has a gene that the model knows (\(sources.joined(separator: ", "))): "
                + "check --gene-column and --layer")
    }

    /// The pending record that this run goes on from: the one there is, or a new one.
    private mutating func begin(_ database: Database) throws -> PendingIngest {
        if let pending, continues(pending), !options.restart {
            wasResumed = pending.counts.added > 0
            return pending
        }
        var work = PendingIngest(
            state: state, key: key, conflict: options.onConflict,
            sources: sources.map { ($0.path as NSString).lastPathComponent })
        work.state.model = origin.model.map { ModelReference(name: $0.name, sha256: $0.sha256) }
        work.state.embedding = settings
        work.groupGenesBy = groupGenesBy
        work.state.columns = try ObsSchema.union(state.columns, sources)
        let former = pending
        let fresh = work
        try database.environment.write { transaction in
            guard try MetaRecords.state(transaction) == state, try MetaRecords.pending(transaction) == former else {
                throw otherWriter()
            }
            if let former { try PendingWork.drop(former, state: state, in: &transaction) }
            if state.model == nil, let model = origin.model { try StoredModel.put(model, in: &transaction) }
            for (number, column) in fresh.state.columns.enumerated() where number >= state.columns.count {
                try ObsWriter.fillMissing(column: number, kind: column.kind, rows: state.rows, in: &transaction)
            }
            try MetaRecords.put(fresh, in: &transaction)
        }
        return work
    }

    private func run(_ database: Database, _ work: inout PendingIngest) throws {
        let total = sources.reduce(0) { $0 + $1.selected.population }
        var batch = IngestBatch(
            origin: origin, settings: settings, options: options, total: total,
            done: work.counts.added + work.counts.withoutKnownGene, control: control,
            obs: try database.environment.read { try ObsWriter(work.state.columns, in: $0) },
            genes: try database.environment.read {
                try IngestGenes(
                    work, visible: state, model: origin.model, options: options, control: control, in: $0)
            })
        var lastCommit = Date()
        var firstRows = work.firstRows
        for number in work.nextFile..<sources.count {
            let source = sources[number]
            if firstRows.count == number { firstRows.append(work.state.rows + batch.rows) }
            try batch.use(source, columns: work.state.columns)
            let blocks = try BlockReader(
                source, origin.reading, metric: EmbeddingMetric(rawValue: settings.metric) ?? .cosine,
                options: options, first: number == work.nextFile ? work.nextRow : 0
            ).ahead()
            while let block = try blocks.next() {
                for (offset, row) in block.rows.enumerated() where source.selected[row] {
                    let isEnough = try batch.add(block, offset)
                    guard isEnough || batch.isFull || row + 1 == block.rows.upperBound else { continue }
                    try control.checkCancelled("stopped")
                    if isEnough { try batch.embed() }
                    if batch.isFull || Date().timeIntervalSince(lastCommit) > Self.secondsBetweenCommits {
                        try commit(database, &batch, &work, next: (number, row + 1), firstRows, isLast: false)
                        lastCommit = Date()
                    }
                }
            }
        }
        try commit(database, &batch, &work, next: (sources.count, 0), firstRows, isLast: true)
    }

    /// Writes what waits, and the position to go on from; with the last batch the pending state becomes the state.
    private func commit(
        _ database: Database, _ batch: inout IngestBatch, _ work: inout PendingIngest, next: (file: Int, row: Int),
        _ firstRows: [Int], isLast: Bool
    ) throws {
        let before = work
        try batch.embed()
        var after = work
        after.nextFile = next.file
        after.nextRow = next.row
        after.firstRows = firstRows
        try database.environment.write { transaction in
            // Somebody else may go on with the same ingest, or have dropped it.
            guard try MetaRecords.pending(transaction) == before else { throw otherWriter() }
            try batch.write(to: &after, visibleRows: state.rows, isLast: isLast, in: &transaction)
            if isLast {
                try finish(&after, in: &transaction)
            } else {
                try MetaRecords.put(after, in: &transaction)
            }
        }
        work = after
    }

    private func finish(_ work: inout PendingIngest, in transaction: inout WriteTransaction) throws {
        var state = work.state
        if work.counts.added == 0, self.state.embedding == nil {
            throw Self.noKnownGene(work.sources)
        }
        var replaced: [(cell: String, row: UInt64)] = []
        try Layout.replacement.forEach(in: transaction) { cell, row in replaced.append((cell, row)) }
        if !replaced.isEmpty {
            var live = try MetaRecords.live(transaction, rows: state.rows)
            for (cell, row) in replaced {
                if let old = try Layout.rowOfCell.value(for: cell, in: transaction) {
                    live[Int(old)] = false
                    // What that ingest brought is not all there any more: the same command may bring it back.
                    state.ingests.removeAll { ($0.firstRow..<$0.firstRow + $0.cells).contains(Int(old)) }
                }
                try Layout.rowOfCell.put(row, for: cell, in: &transaction)
            }
            try MetaRecords.putDeleted(live, in: &transaction)
            try Layout.replacement.removeAll(in: &transaction)
        }
        if isWhole {
            let ends = work.firstRows.dropFirst() + [state.rows]
            for (number, (first, end)) in zip(work.firstRows, ends).enumerated() {
                state.ingests.append(
                    CompletedIngest(
                        key: keys[number], source: work.sources[number], cells: end - first, firstRow: first))
            }
        }
        try MetaRecords.put(state, in: &transaction)
        try MetaRecords.put(nil as PendingIngest?, in: &transaction)
        work.state = state
    }

    /// After an error in the input the same command cannot go on: what was written is dropped. It stays after an
    /// interruption, or a full disk.
    private func abandon(_ database: Database, unless error: any Error) throws {
        switch EmbDBError(wrapping: error).code {
        case .cancelled, .locked, .storage: return
        default: break
        }
        try database.environment.write { transaction in
            guard let pending = try MetaRecords.pending(transaction), pending.key == key else { return }
            try PendingWork.drop(pending, state: state, in: &transaction)
        }
    }

    private func otherWriter() -> EmbDBError {
        EmbDBError(
            .locked, "another process has changed the database meanwhile (\(path)): run the command again")
    }

    private func report(_ database: Database, _ done: IngestCounts, skipped: [String: Int], wasComplete: Bool) throws
        -> IngestReport
    {
        var counts: CountSource?
        if case .counts(let source)? = lastSource?.content { counts = source }
        let genes = counts?.genes.summary
        return IngestReport(
            cellsAdded: done.added, cellsSkipped: skipped, genesMatched: genes?.matched ?? 0,
            genesTotal: genes?.total ?? 0, truncatedCells: done.truncated, layer: lastSource?.content.place ?? "",
            geneColumn: counts?.geneColumn ?? "", seconds: 0,
            database: try database.environment.read { try DatabaseSummary(reading: $0) }, wasComplete: wasComplete,
            wasResumed: wasResumed)
    }
}

extension PendingIngest {
    /// The error for whoever wants to start something else.
    func isInTheWay(
        of visible: DatabaseState, path: String,
        advice: String = "wait if it is running; else run that command again to finish it, or give --restart to drop it"
    ) -> EmbDBError {
        EmbDBError(
            .pendingIngest,
            "an unfinished \(state.model == nil ? "import" : "ingest") of \(sources.joined(separator: ", ")) is pending "
                + "(\(state.rows - visible.rows) cells so far, \(path)): \(advice)")
    }
}
