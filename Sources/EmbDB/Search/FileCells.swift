internal import AnnData
internal import CellTransformer
internal import LMDBStore
internal import Numerics
internal import Tokenizers

/// Reads the chosen cells of a file and embeds them, batch by batch, as the database's own cells were: by its model, or
/// from the matrix that they bring.
struct FileCells {
    /// Some cells of the file with their embeddings.
    struct Batch {
        /// Rows in the file.
        var rows: [Int] = []
        var names: [String] = []
        /// [cells, dimension]
        var vectors: Matrix
        /// What the model read of each; empty where the embeddings came with the file.
        var inputs: [[UInt32]] = []
    }

    /// Cells that a batch has, at least while there are so many: bounds memory whatever the file's size.
    private static let cells = 1024
    /// Cells that are embedded at once: enough to keep the threads busy, few enough to stop soon.
    private static let cellsAtOnce = 64

    let source: CellSource
    /// Cells that are chosen.
    let total: Int
    /// Chosen cells that were left out because the model knows none of their genes.
    private(set) var withoutKnownGene = 0

    /// That embeds the cells; nil where their embeddings came with the file.
    var model: EmbeddingModel? { embedder?.model }

    private let dimension: Int
    private let metric: EmbeddingMetric
    private var editor: CellEditor?
    private let blocks: ReadAhead<BlockReader, CellBlock>
    private let embedder: StoredCellEmbedder?
    private var done = 0

    /// - Throws: `AnnDataError`, `TokenizerError`, `ExpressionError`; ``EmbDBError`` `usage` for options that do not fit
    ///   the database, or embeddings of another dimension; `unknownCell`, `nothingFound`.
    init(
        _ file: QueryFile, edit: GeneEdit, threads: Int, _ snapshot: Snapshot, path: String, control: Control,
        in transaction: borrowing ReadTransaction
    ) throws {
        dimension = snapshot.settings.dimension
        metric = EmbeddingMetric(rawValue: snapshot.settings.metric) ?? .cosine
        var options = file.source
        options.threads = threads
        let reading: CellReading
        if snapshot.model != nil {
            if let key = file.obsm {
                throw EmbDBError(
                    .usage,
                    "--obsm \(key): the database's model embeds cells from their counts (\(path)): leave --obsm out")
            }
            let embedder = try StoredCellEmbedder(snapshot, threads: threads, path: path, in: transaction)
            self.embedder = embedder
            reading = .counts(embedder.model.encoder)
            if !edit.isEmpty { editor = try CellEditor(embedder, edit) }
        } else {
            if !edit.isEmpty { _ = try snapshot.requireModel(path: path) }
            for (name, value) in [
                ("--layer", file.layer), ("--gene-column", file.geneColumn), ("--values", file.values?.rawValue),
            ] {
                guard let value else { continue }
                throw EmbDBError(
                    .usage,
                    "\(name) \(value): the database holds imported embeddings and no model that reads counts (\(path)): "
                        + "leave it out")
            }
            guard let key = file.obsm ?? snapshot.settings.obsm else {
                throw EmbDBError(.usage, "no embeddings are named (\(file.path)): give --obsm KEY")
            }
            embedder = nil
            reading = .vectors(key: key)
        }
        var source = try CellSource(
            path: file.path, options: options, reading: reading, isHashed: false, control: control)
        if let own = source.content.dimension, own != dimension {
            throw EmbDBError(
                .usage,
                "\(source.content.place) has \(own) dimensions (\(file.path)), the database \(dimension) (\(path)): query "
                    + "with embeddings of the same model")
        }
        if !file.cells.isEmpty { try source.keep(file.cells) }
        total = source.selected.population
        guard total > 0 else {
            throw EmbDBError(.nothingFound, "there are no cells in the file (\(file.path)): check it")
        }
        blocks = try BlockReader(source, reading, metric: metric, options: options).ahead()
        self.source = source
    }

    /// The next cells; nil behind the last.
    ///
    /// - Throws: ``EmbDBError`` `input` with file, place and value; `cancelled`.
    mutating func nextBatch(control: Control) throws -> Batch? {
        var batch = Batch(vectors: Matrix(rows: 0, columns: dimension))
        var vectors: [Float] = []
        var inputs: [[UInt32]] = []
        while batch.rows.count < Self.cells, let block = try blocks.next() {
            try control.checkCancelled("stopped; nothing was written")
            for (offset, row) in block.rows.enumerated() where source.selected[row] {
                if let embedder {
                    guard let tokens = block.cells[offset]?.input.tokens else {
                        withoutKnownGene += 1
                        done += 1
                        continue
                    }
                    inputs.append(try editor?.apply(to: tokens, of: block.ids[offset]) ?? tokens)
                    batch.inputs.append(inputs[inputs.count - 1])
                    if inputs.count == Self.cellsAtOnce { vectors += try embed(&inputs, by: embedder, control) }
                } else {
                    vectors += block.vectors[offset * dimension..<(offset + 1) * dimension]
                    step("reading", control)
                }
                batch.rows.append(row)
                batch.names.append(block.ids[offset])
            }
        }
        if let embedder, !inputs.isEmpty { vectors += try embed(&inputs, by: embedder, control) }
        guard !batch.rows.isEmpty else { return nil }
        batch.vectors = Matrix(rows: batch.rows.count, columns: dimension, values: vectors)
        return batch
    }

    private mutating func embed(
        _ inputs: inout [[UInt32]], by embedder: StoredCellEmbedder, _ control: Control
    ) throws -> [Float] {
        let values = try embedder.embed(inputs, control: control).values
        for _ in inputs { step("embedding", control) }
        inputs.removeAll(keepingCapacity: true)
        return values
    }

    private mutating func step(_ phase: String, _ control: Control) {
        done += 1
        control.progress(.init(unit: "cells", phase: phase, done: done, total: total))
    }

    /// Says who was left out, and who lacks genes to delete.
    ///
    /// - Throws: ``EmbDBError/Code/nothingFound`` if no cell could be embedded.
    func finish(control: Control) throws(EmbDBError) {
        if withoutKnownGene == total {
            throw EmbDBError(
                .nothingFound,
                "no cell has a gene that the model knows (\(source.path)): check --gene-column and --layer")
        }
        if withoutKnownGene > 0 {
            control.warning(
                "\(withoutKnownGene) of \(total) cells have no gene that the model knows and are left out "
                    + "(\(source.path))")
        }
        editor?.warn(control)
    }
}

extension CellSource {
    /// Keeps only the cells with these ids.
    ///
    /// - Throws: ``EmbDBError/Code/unknownCell`` with the nearest ids.
    mutating func keep(_ cells: [String]) throws {
        let wanted = Set(cells)
        var found: Set<String> = []
        var all: [String] = []
        for start in stride(from: 0, to: cellCount, by: 1 << 14) {
            let rows = start..<min(cellCount, start + 1 << 14)
            for (offset, id) in try cellIDs(rows).enumerated() {
                if wanted.contains(id) { found.insert(id) } else { selected[start + offset] = false }
                if all.count < 100_000 { all.append(id) }
            }
        }
        guard let missing = cells.first(where: { !found.contains($0) }) else { return }
        let near = nearestNames(to: missing, in: all)
        throw EmbDBError(
            .unknownCell,
            "there is no cell \(missing) (\(path)): "
                + (near.isEmpty
                    ? "its first is \(all.first ?? "none")" : "ids near it are \(near.joined(separator: ", "))"))
    }
}
