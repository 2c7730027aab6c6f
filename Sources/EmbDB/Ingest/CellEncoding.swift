internal import AnnData
internal import Tokenizers

/// Reads the counts of one source's cells and encodes them for the model, one cell after another in the same memory.
struct CellEncoding {
    private let genes: GeneColumns
    private let encoder: RankValueEncoder
    private var reader: CountReader
    private var counts = CountBatch()
    private var memory = Memory()

    private struct Memory {
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()

        mutating func encode(_ counts: CountBatch, _ offset: Int, _ genes: GeneColumns, _ encoder: RankValueEncoder) {
            let entries = counts.entries(offset)
            encoder.encode(
                columns: counts.indices.span.extracting(entries), values: counts.values.span.extracting(entries),
                genes: genes, into: &cell, scratch: &scratch)
        }
    }

    /// The cell that was encoded last.
    var cell: EncodedCell { memory.cell }

    init(_ file: CellFile, _ counts: CountSource, values: IngestOptions.Values, encoder: RankValueEncoder) throws {
        genes = counts.genes
        self.encoder = encoder
        reader = try file.countReader(layer: counts.layer, rule: values == .counts ? .counts : .normalized)
    }

    /// Reads the counts of `rows`.
    mutating func read(_ rows: Range<Int>) throws { try reader.read(rows: rows, into: &counts) }

    /// Makes ``cell`` the one at `offset` in the rows that were read.
    mutating func encode(_ offset: Int) { memory.encode(counts, offset, genes, encoder) }
}
