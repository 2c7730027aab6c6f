internal import CellTransformer
internal import Foundation
internal import HNSW
internal import Numerics
internal import Tokenizers

/// What it takes to embed and keep cells, added up over all of them and measured on some.
struct IngestCost {
    private let model: EmbeddingModel
    private let settings: EmbeddingSettings
    /// Every so many-th cell is in the sample.
    private let step: Int

    /// Cells to embed.
    private(set) var cells = 0
    /// Of the transformer, over all cells; of the graph, a row.
    private var operations = 0.0
    private var sample: [CellInput] = []
    private var longest = CellInput(tokens: [])
    /// In the tables of ids and tokens.
    private var tableBytes = 0
    /// Of one cell's tokens as they wait for a commit, at most.
    private var largestCell = 0
    /// The genes that cells have, by the group whose sums they get; nil for all cells. Empty without gene sums.
    private var genes: [String?: Bitmap] = [:]
    /// Gene sums that the database has.
    private let storedGenes: Int

    /// - Parameters:
    ///   - cells: about how many are added.
    ///   - storedGenes: gene sums that the database has; nil if it goes on without.
    init(model: EmbeddingModel, settings: EmbeddingSettings, cells: Int, storedGenes: Int?) {
        self.model = model
        self.settings = settings
        self.storedGenes = storedGenes ?? 0
        if storedGenes != nil { genes[nil] = Bitmap(count: model.vocabulary.count) }
        step = max(1, cells / IngestBatch.cells)
    }

    private func operations(_ cell: CellInput) -> Double {
        let configuration = model.configuration
        let layers = settings.layer == .last ? configuration.layerCount : configuration.layerCount - 1
        return Double(configuration.operations(length: cell.tokens.count, layers: layers))
    }

    /// - Parameter group: its group of cells for gene sums; nil for none.
    mutating func add(_ cell: CellBlock.Cell, id: String, group: String?) {
        let input = cell.input
        if !genes.isEmpty {
            for group in group == nil ? [nil] : [nil, group] {
                // Taken out, so that the key is looked up once a cell and nothing is copied.
                var seen = genes.removeValue(forKey: group) ?? Bitmap(count: model.vocabulary.count)
                for position in input.genes { seen[Int(input.tokens[position])] = true }
                genes[group] = seen
            }
        }
        operations += operations(input)
        if cells % step == 0, sample.count < IngestBatch.cells { sample.append(input) }
        if input.tokens.count > longest.tokens.count { longest = input }
        largestCell = max(largestCell, cell.stored.count)
        tableBytes += Page.value(cell.stored.count + Checksummed.headerBytes, key: 8)
        // The rows in order, the ids in none, which leaves pages two thirds full.
        tableBytes += Page.value(id.utf8.count, key: 8) + Page.value(8, key: id.utf8.count) * 3 / 2
        cells += 1
    }

    // MARK: Time

    /// Seconds to embed all cells: some are embedded, and the rest is as slow by its number of operations.
    func secondsToEmbed(_ precision: EmbeddingPrecision, threads: Int, control: Control) throws -> Double {
        guard cells > 0 else { return 0 }
        let embedder = model.embedder(settings, precision: precision, threads: threads)
        func measure(_ cells: [CellInput]) throws -> Double {
            try control.checkCancelled("stopped; nothing was written")
            let start = DispatchTime.now()
            _ = try embedder.embed(cells, cellDone: { !control.isCancelled() })
            return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
        }
        control.progress(.init(unit: "cells", phase: "measuring", done: 0, total: sample.count))
        // Once with the longest cell on each thread, so that memory is what it will be, and to warm up.
        let first = Array(repeating: longest, count: min(threads, cells))
        var seconds = try measure(first)
        var measured = operations(longest) * Double(first.count)
        let whole = sample.reduce(0) { $0 + operations($1) }
        // A whole batch, as the ingest embeds them, if that takes no more than some seconds; else as many as do.
        let share = min(1, max(Double(threads) / Double(sample.count), 5 / (seconds * whole / measured)))
        if seconds < 5 {
            let part = Array(sample.prefix(max(1, Int(share * Double(sample.count)))))
            measured = part.reduce(0) { $0 + operations($1) }
            seconds = try measure(part)
        }
        return seconds * operations / measured
    }

    /// Seconds to insert rows into the graph: some 50 µs of one core for 256 dimensions (200,000 such rows take 10 s).
    func secondsToIndex(_ rows: Int, threads: Int) -> Double {
        Double(rows) * 50e-6 * max(0.5, Double(settings.dimension) / 256) / Double(threads)
    }

    // MARK: Memory and disk

    private var vectorBytes: Int {
        settings.dimension * 4 + CodeQuantizer.codeStride(dimension: settings.dimension) + CodeQuantizer.scaleStride
    }

    private var modelBytes: Int {
        model.weights.tensorNames.reduce(0) { sum, name in
            sum + Page.value((model.weights.shape(of: name) ?? []).reduce(4, *), key: name.utf8.count)
        } + Page.value(model.vocabulary.tableText().utf8.count, key: 80)
            + Page.value(model.vocabulary.mappingText().utf8.count, key: 80)
    }

    /// Of the sums of all groups: at least as many as there are, since the genes of old and new cells overlap.
    private var geneBytes: Int {
        max(storedGenes, genes.values.reduce(0) { $0 + $1.population }) * (settings.dimension + 1) * 8
    }

    /// What the process held so far (the model, the vocabulary, the files' ids, a workspace a thread) and what the ingest
    /// holds beside it: the gene sums, twice while they are written, and a commit's cells, the model while it is written,
    /// or the graph while it is built.
    func memory(secondsToEmbed: Double, isFirst: Bool, graphRows: Int) -> Int {
        let perCommit = IngestRun.secondsBetweenCommits * Double(cells) / max(secondsToEmbed, 1e-9)
        let waiting = min(Double(IngestBatch.limit), perCommit + Double(IngestBatch.cells), Double(cells))
        let commit = Int(waiting) * (2 * (largestCell + vectorBytes) + 256)
        let graph = graphRows * (GraphLayout.stride + vectorBytes)
        return ProcessMemory.peak + 2 * geneBytes + commit + max(isFirst ? modelBytes : 0, graph)
    }

    /// - Parameter storesGenesBetween: whether it takes so long that gene sums are stored on the way.
    func disk(
        _ columns: [ObsColumnDescription], isFirst: Bool, graphRows: Int, storesGenesBetween: Bool
    ) -> Int {
        let obs = columns.reduce(0) { $0 + ($1.kind == .category || $1.kind == .boolean ? 4 : 8) }
        // A commit writes the last block of every column anew; the one before is free for the next commit.
        let spare = Page.value(settings.dimension * 4 * min(cells, 256), key: 4) + columns.count * 2 * Page.bytes
        // Pages of sums that were replaced are free for the ones after the next.
        return tableBytes + cells * (vectorBytes + obs) + spare + graphRows * GraphLayout.stride
            + (isFirst ? modelBytes : 0) + geneBytes * (storesGenesBetween ? 2 : 1)
    }
}

/// Space in LMDB's B-trees (`lmdb.h`, 0.9): a value that is longer than half a page has pages of its own.
private enum Page {
    static let bytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    private static let header = 16
    /// Of a node, and its place in the page's list.
    private static let node = 8 + 2

    static func value(_ count: Int, key: Int) -> Int {
        if node + key + count <= (bytes - header) / 2 { return node + key + count }
        return node + key + 8 + (header + count + bytes - 1) / bytes * bytes
    }
}

/// What the system says of this process.
enum ProcessMemory {
    /// The most bytes of memory that it held at a time.
    static var peak: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
