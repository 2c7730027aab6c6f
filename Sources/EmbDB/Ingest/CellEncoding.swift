internal import AnnData
internal import Numerics
internal import Synchronization
internal import Tokenizers

/// Reads the counts of one source's cells and encodes them for the model, on several threads.
struct CellEncoding: Sendable {
    private let genes: GeneColumns
    private let encoder: RankValueEncoder
    private let threads: Int
    private var reader: CountReader

    /// Memory of one thread.
    private struct Scratch: ~Copyable {
        var cell = EncodedCell()
        var encoder = RankValueEncoder.Scratch()
    }

    init(
        _ file: CellFile, _ counts: CountSource, _ encoder: RankValueEncoder, values: IngestOptions.Values, threads: Int
    ) throws {
        genes = counts.genes
        self.encoder = encoder
        self.threads = threads
        reader = try file.countReader(layer: counts.layer, rule: values == .counts ? .counts : .normalized)
    }

    /// Reads the counts of `rows` and encodes those that are selected; nil for the others, and for cells that have no gene
    /// that the model knows.
    mutating func read(_ rows: Range<Int>, selected: Bitmap) throws -> [CellBlock.Cell?] {
        let (genes, encoder) = (genes, encoder)
        let cells = Mutex([CellBlock.Cell?](repeating: nil, count: rows.count))
        try reader.forEachRow(rows, threads: threads, makeState: Scratch.init) { scratch, offset, columns, counts in
            guard selected[rows.lowerBound + offset] else { return }
            encoder.encode(
                columns: columns, values: counts, genes: genes, into: &scratch.cell, scratch: &scratch.encoder)
            if scratch.cell.isEmpty { return }
            let cell = CellBlock.Cell(
                input: encoder.input(scratch.cell.tokens), stored: StoredCell.bytes(scratch.cell.ranking),
                isTruncated: scratch.cell.isTruncated)
            cells.withLock { $0[offset] = cell }
        }
        return cells.withLock { $0 }
    }
}
