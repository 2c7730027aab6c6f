internal import AnnData
internal import Numerics
internal import Tokenizers

/// Reads the selected cells of a source block by block.
struct BlockReader: Sendable {
    private let source: CellSource
    private let metric: EmbeddingMetric
    private var encoding: CellEncoding?
    private var next: Int
    private let cellsOfBlock: Int
    private var vectors: [Float] = []

    /// - Parameters:
    ///   - reading: as the source was opened for.
    ///   - first: the row to begin with.
    init(
        _ source: CellSource, _ reading: CellReading, metric: EmbeddingMetric, options: IngestOptions, first: Int = 0
    ) throws {
        self.source = source
        self.metric = metric
        next = first
        cellsOfBlock = options.cellsOfBlock
        if case .counts(let counts) = source.content, case .counts(let encoder) = reading {
            encoding = try CellEncoding(source.file, counts, encoder, values: options.values, threads: options.threads)
        }
    }

    /// The blocks one after another, each read while the one before is worked on.
    func ahead() -> ReadAhead<BlockReader, CellBlock> { ReadAhead(self) { try $0.read() } }

    /// The next block; nil behind the last one.
    private mutating func read() throws -> CellBlock? {
        guard let rows = source.nextRows(from: next, atMost: cellsOfBlock) else { return nil }
        next = rows.upperBound
        if case .vectors(let matrix) = source.content {
            try matrix.read(rows, selected: source.selected, metric: metric, into: &vectors)
        }
        let selected = source.selected
        let cells = try encoding?.read(rows, selected: selected) ?? []
        return CellBlock(rows: rows, ids: try source.cellIDs(rows), cells: cells, vectors: vectors)
    }
}

extension CellSource {
    /// The next run of rows that begins with a selected one: up to `limit` rows, ending before a gap of more than a
    /// few that are not selected; nil behind the last.
    fileprivate func nextRows(from start: Int, atMost limit: Int) -> Range<Int>? {
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
