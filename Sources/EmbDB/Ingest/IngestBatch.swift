internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Cells that are embedded and wait for the next commit.
struct IngestBatch {
    /// Cells that are embedded at once: enough to keep the threads busy, few enough to stop soon.
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

    /// The source that the next cells come from.
    mutating func use(_ source: CellSource, columns: [ObsColumnDescription]) throws {
        try obs.use(source, columns: columns)
        try genes?.use(source)
    }

    /// Takes a selected cell of a block. Returns whether enough have come together to be embedded.
    mutating func add(_ block: CellBlock, _ offset: Int) throws -> Bool {
        done += 1
        if origin.model != nil {
            guard let cell = block.cells[offset] else {
                withoutKnownGene += 1
                return false
            }
            if cell.isTruncated { truncated += 1 }
            inputs.append(cell.input)
            stored.append(cell.stored)
        } else {
            embeddings += block.vectors[offset * settings.dimension..<(offset + 1) * settings.dimension]
            control.progress(.init(unit: "cells", phase: "importing", done: done, total: total))
        }
        ids.append(block.ids[offset])
        try obs.add(row: block.rows.lowerBound + offset)
        try genes?.add(row: block.rows.lowerBound + offset)
        return inputs.count >= Self.cells
    }

    /// Embeds the cells that wait for it.
    mutating func embed() throws {
        guard let model = origin.model else { return }
        let control = control
        let total = total
        let counter = Control.Counter(from: done - inputs.count)
        let lending = genes?.takeWaiting(inputs)
        embeddings += try model.embedder(settings, precision: options.precision, threads: options.threads).embed(
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
