internal import AnnData
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
    private static let limit = 4096

    private let model: EmbeddingModel
    private let settings: EmbeddingSettings
    private let threads: Int
    private let control: Control
    /// Cells of the whole ingest, and how many of them are behind us, those that wait included.
    private let total: Int
    private var done: Int
    private var obs: ObsWriter
    /// nil if gene embeddings are not brought along.
    private var genes: IngestGenes?

    private var source: CellSource?
    private var reader: CountReader?
    private var counts = CountBatch()
    private var encoding = Encoding()

    /// Cells that are encoded and wait to be embedded.
    private var inputs: [CellInput] = []
    private var ids: [String] = []
    private var stored: [[UInt8]] = []
    private var embeddings: [Float] = []
    private var truncated = 0
    private var withoutKnownGene = 0

    init(
        model: EmbeddingModel, settings: EmbeddingSettings, threads: Int, total: Int, done: Int, control: Control,
        obs: ObsWriter, genes: IngestGenes?
    ) {
        self.total = total
        self.done = done
        self.control = control
        self.model = model
        self.settings = settings
        self.threads = threads
        self.obs = obs
        self.genes = genes
    }

    /// Rows that wait to be written.
    var rows: Int { ids.count }
    /// Cells that wait, left-out ones included.
    var count: Int { ids.count + withoutKnownGene }
    var isFull: Bool { count >= Self.limit }

    mutating func use(_ source: CellSource, columns: [ObsColumnDescription], rule: CountRule) throws {
        self.source = source
        reader = try source.file.countReader(layer: source.layer, rule: rule)
        encoding = Encoding()
        try obs.use(source, columns: columns)
        try genes?.use(source)
    }

    /// Memory for one cell at a time; serves the cells of one source.
    private struct Encoding {
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()

        mutating func encode(_ counts: CountBatch, row: Int, genes: GeneColumns, by encoder: RankValueEncoder) {
            let entries = counts.entries(row)
            encoder.encode(
                columns: counts.indices.span.extracting(entries), values: counts.values.span.extracting(entries),
                genes: genes, into: &cell, scratch: &scratch)
        }
    }

    /// Reads and encodes the selected cells among the source's `rows`; embeds when enough have come together.
    mutating func add(_ rows: Range<Int>) throws {
        guard let source, reader != nil else { return }
        try reader?.read(rows: rows, into: &counts)
        let names = try source.cellIDs(rows)
        for (offset, row) in rows.enumerated() where source.selected[row] {
            done += 1
            encoding.encode(counts, row: offset, genes: source.genes, by: model.encoder)
            if encoding.cell.isEmpty {
                withoutKnownGene += 1
                continue
            }
            if encoding.cell.isTruncated { truncated += 1 }
            inputs.append(model.input(encoding.cell.tokens))
            var bytes: [UInt8] = []
            StoredCell.append(encoding.cell.ranking, to: &bytes)
            stored.append(bytes)
            ids.append(names[offset])
            try obs.add(row: row)
            genes?.add(row: row)
        }
        if inputs.count >= Self.cells { try embed() }
    }

    /// Embeds the cells that wait for it.
    mutating func embed() throws {
        let control = control
        let total = total
        let counter = Control.Counter(from: done - inputs.count)
        let lending = genes?.takeWaiting(inputs)
        embeddings += try model.embedder(settings, threads: threads).embed(inputs, lending: lending ?? { _, _ in }) {
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
            try Layout.tokens.append(Checksummed.seal(stored[offset]), for: row, in: &transaction)
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
