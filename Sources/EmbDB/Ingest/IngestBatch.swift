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
    private var obs: ObsWriter

    private var source: CellSource?
    private var reader: CountReader?
    private var counts = CountBatch()
    private var cell = EncodedCell()
    private var scratch = RankValueEncoder.Scratch()

    private var ids: [String] = []
    private var stored: [[UInt8]] = []
    private var embeddings: [Float] = []
    private var truncated = 0
    private var withoutKnownGene = 0

    init(model: EmbeddingModel, settings: EmbeddingSettings, threads: Int, obs: ObsWriter) {
        self.model = model
        self.settings = settings
        self.threads = threads
        self.obs = obs
    }

    /// Cells that wait, left-out ones included.
    var count: Int { ids.count + withoutKnownGene }
    var isFull: Bool { count >= Self.limit }

    mutating func use(_ source: CellSource, columns: [ObsColumnDescription], rule: CountRule) throws {
        self.source = source
        reader = try source.file.countReader(layer: source.layer, rule: rule)
        scratch = RankValueEncoder.Scratch()
        try obs.use(source, columns: columns)
    }

    /// Reads, encodes and embeds the selected cells among the source's `rows`.
    mutating func add(_ rows: Range<Int>) throws {
        guard let source, reader != nil else { return }
        try reader?.read(rows: rows, into: &counts)
        let names = try source.cellIDs(rows)
        var inputs: [CellInput] = []
        for (offset, row) in rows.enumerated() where source.selected[row] {
            let entries = counts.entries(offset)
            model.encoder.encode(
                columns: counts.indices.span.extracting(entries), values: counts.values.span.extracting(entries),
                genes: source.genes, into: &cell, scratch: &scratch)
            if cell.isEmpty {
                withoutKnownGene += 1
                continue
            }
            if cell.isTruncated { truncated += 1 }
            inputs.append(model.input(cell.tokens))
            var bytes: [UInt8] = []
            StoredCell.append(cell.ranking, to: &bytes)
            stored.append(bytes)
            ids.append(names[offset])
            try obs.add(row: row)
        }
        embeddings += try model.embedder(settings, threads: threads).embed(inputs).values
    }

    /// Writes all that waits as the next rows and counts it.
    mutating func write(
        to work: inout PendingIngest, visibleRows: Int, in transaction: inout WriteTransaction
    ) throws {
        let first = work.state.rows
        for (offset, id) in ids.enumerated() {
            let row = UInt64(first + offset)
            try Layout.cellOfRow.append(id, for: row, in: &transaction)
            try Layout.tokens.append(stored[offset], for: row, in: &transaction)
            // Checked before: an id that is there belongs to a cell that this one replaces, or to a deleted one.
            if let old = try Layout.rowOfCell.value(for: id, in: transaction), old < UInt64(visibleRows) {
                try Layout.replacement.put(row, for: id, in: &transaction)
            } else {
                try Layout.rowOfCell.put(row, for: id, in: &transaction)
            }
        }
        if !ids.isEmpty {
            let matrix = Matrix(rows: ids.count, columns: settings.dimension, values: embeddings)
            try StoredVectors.append(matrix, metric: Metric(rawValue: settings.metric) ?? .cosine, at: first, in: &transaction)
            try obs.commit(at: first, columns: &work.state.columns, in: &transaction)
        }
        work.state.rows += ids.count
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
