internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Cells that are embedded and wait for the next commit.
struct IngestBatch {
    /// Cells that are read and embedded at once: enough to keep the threads busy, few enough to stop soon.
    static let cells = 64
    /// Cells that a commit holds at most.
    static let limit = 4096

    private let origin: EmbeddingOrigin
    private let settings: EmbeddingSettings
    private let options: IngestOptions
    private let control: Control
    /// Cells of the whole ingest, and how many of them are behind us, those that wait included.
    private let total: Int
    private var done: Int
    private var obs: ObsWriter
    /// nil if gene embeddings are not brought along.
    private var genes: IngestGenes?

    private var source: CellSource?
    /// Of a source of counts.
    private var encoding: CellEncoding?
    /// The vectors of the rows that were read last.
    private var vectors: [Float] = []

    /// Cells that are encoded and wait to be embedded.
    private var inputs: [CellInput] = []
    private var ids: [String] = []
    /// Ranked tokens, one a cell; none for imported embeddings.
    private var stored: [[UInt8]] = []
    private var embeddings: [Float] = []
    private var truncated = 0
    private var withoutKnownGene = 0

    init(
        origin: EmbeddingOrigin, settings: EmbeddingSettings, options: IngestOptions, total: Int, done: Int,
        control: Control, obs: ObsWriter, genes: IngestGenes?
    ) {
        self.total = total
        self.done = done
        self.control = control
        self.origin = origin
        self.settings = settings
        self.options = options
        self.obs = obs
        self.genes = genes
    }

    /// Rows that wait to be written.
    var rows: Int { ids.count }
    /// Cells that wait, left-out ones included.
    var count: Int { ids.count + withoutKnownGene }
    var isFull: Bool { count >= Self.limit }

    /// Rows to read at once: those of vectors cost little, and lie in chunks of some hundred.
    var step: Int { origin.model == nil ? 1024 : Self.cells }

    mutating func use(_ source: CellSource, columns: [ObsColumnDescription]) throws {
        self.source = source
        encoding = nil
        if case .counts(let counts) = source.content, let model = origin.model {
            encoding = try CellEncoding(source.file, counts, values: options.values, encoder: model.encoder)
        }
        try obs.use(source, columns: columns)
        try genes?.use(source)
    }

    /// Reads the selected cells among the source's `rows`, and encodes them where they are counts; embeds when enough
    /// have come together.
    mutating func add(_ rows: Range<Int>) throws {
        guard let source else { return }
        try encoding?.read(rows)
        if case .vectors(let matrix) = source.content {
            try matrix.read(
                rows, selected: source.selected, metric: EmbeddingMetric(rawValue: settings.metric) ?? .cosine,
                into: &vectors)
        }
        let names = try source.cellIDs(rows)
        for (offset, row) in rows.enumerated() where source.selected[row] {
            done += 1
            if encoding != nil {
                guard take(offset) else { continue }
            } else {
                embeddings += vectors[offset * settings.dimension..<(offset + 1) * settings.dimension]
                control.progress(.init(unit: "cells", phase: "importing", done: done, total: total))
            }
            ids.append(names[offset])
            try obs.add(row: row)
            try genes?.add(row: row)
        }
        if inputs.count >= Self.cells { try embed() }
    }

    /// Encodes one of the cells that were read; false if it has no gene that the model knows.
    private mutating func take(_ offset: Int) -> Bool {
        encoding?.encode(offset)
        guard let cell = encoding?.cell, let model = origin.model, !cell.isEmpty else {
            withoutKnownGene += 1
            return false
        }
        if cell.isTruncated { truncated += 1 }
        inputs.append(model.input(cell.tokens))
        var bytes: [UInt8] = []
        StoredCell.append(cell.ranking, to: &bytes)
        stored.append(bytes)
        return true
    }

    /// Embeds the cells that wait for it.
    mutating func embed() throws {
        guard let model = origin.model else { return }
        let control = control
        let total = total
        let counter = Control.Counter(from: done - inputs.count)
        let lending = genes?.takeWaiting(inputs)
        embeddings += try model.embedder(settings, threads: options.threads).embed(
            inputs, lending: lending ?? { _, _ in }
        ) {
            control.progress(.init(unit: "cells", phase: "embedding", done: counter.next(), total: total))
            return !control.isCancelled()
        }.values
        inputs.removeAll(keepingCapacity: true)
    }

    /// Writes all that waits, embedded, as the next rows and counts it.
    mutating func write(
        to work: inout PendingIngest, visibleRows: Int, isLast: Bool, in transaction: inout WriteTransaction
    ) throws {
        let first = work.state.rows
        for (offset, id) in ids.enumerated() {
            let row = UInt64(first + offset)
            try Layout.cellOfRow.append(id, for: row, in: &transaction)
            if !stored.isEmpty {
                try Layout.tokens.append(Checksummed.seal(stored[offset]), for: row, in: &transaction)
            }
            // Checked before: an id that is there belongs to a cell that this one replaces, or to a deleted one.
            if let old = try Layout.rowOfCell.value(for: id, in: transaction), old < UInt64(visibleRows) {
                try Layout.replacement.put(row, for: id, in: &transaction)
            } else {
                try Layout.rowOfCell.put(row, for: id, in: &transaction)
            }
        }
        if !ids.isEmpty {
            let matrix = Matrix(rows: ids.count, columns: settings.dimension, values: embeddings)
            try StoredVectors.append(
                matrix, metric: Metric(rawValue: settings.metric) ?? .cosine, at: first, in: &transaction)
            try obs.commit(at: first, columns: &work.state.columns, in: &transaction)
        }
        work.state.rows += ids.count
        if isLast { try StoredGenes.dropPending(dimension: settings.dimension, in: &transaction) }
        try genes?.store(rows: work.state.rows, isLast: isLast, in: &transaction)
        work.counts.added += ids.count
        work.counts.truncated += truncated
        work.counts.withoutKnownGene += withoutKnownGene
        ids.removeAll(keepingCapacity: true)
        stored.removeAll(keepingCapacity: true)
        embeddings.removeAll(keepingCapacity: true)
        truncated = 0
        withoutKnownGene = 0
    }
}

extension CellSource {
    /// The next run of rows that begins with a selected one: up to `limit` rows, ending before a gap of more than a
    /// few that are not selected; nil behind the last.
    func nextRows(from start: Int, atMost limit: Int) -> Range<Int>? {
        var first = start
        while first < cellCount, !selected[first] { first += 1 }
        guard first < cellCount else { return nil }
        var end = first + 1
        var last = first
        while end < cellCount, end - first < limit, end - last <= 8 {
            if selected[end] { last = end }
            end += 1
        }
        return first..<last + 1
    }
}
