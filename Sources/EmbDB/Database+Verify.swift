internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Reads everything in the file and checks that it is whole and fits together.
    ///
    /// - Returns: what was checked, and the first fault.
    /// - Throws: ``EmbDBError`` `notFound`, `notADatabase`, `newerFormat`, `cancelled`, `locked` (a writer is at work),
    ///   `storage`.
    /// - Complexity: reads the whole file.
    public static func verify(_ path: String, control: Control = Control()) throws(EmbDBError) -> VerifyReport {
        try withEmbDBErrors {
            var checked: [(what: String, count: Int)] = []
            var cells = 0
            do {
                // The pages first, by reading the file: what follows believes what LMDB maps.
                try Environment.checkPages(ofFile: path)
                try open(path).environment.read { transaction in
                    let check = DatabaseCheck(control: control)
                    try transaction.verifyMetaRecords()
                    let state = try MetaRecords.state(transaction)
                    let live = try MetaRecords.live(transaction, rows: state.rows)
                    cells = live.population
                    checked.append(("tables", transaction.tableNames.count))
                    guard state.embedding != nil, state.rows > 0 else { return }
                    let snapshot = try Snapshot(transaction, path: path, deletedOnes: true)
                    checked.append(("embeddings", try check.vectors(snapshot, transaction)))
                    checked.append(("cells", try check.cells(snapshot, transaction)))
                    checked.append(("obs columns", try check.obs(snapshot, transaction)))
                    checked.append(("tensors", try check.model(snapshot, transaction)))
                    checked.append(("gene embeddings", try check.genes(snapshot, transaction)))
                    checked.append(("graph rows", try check.graph(snapshot, transaction)))
                }
                return VerifyReport(checked: checked, fault: nil, cells: cells)
            } catch {
                let fault = EmbDBError(wrapping: error)
                guard fault.code == .corrupted || fault.code == .model else { throw fault }
                return VerifyReport(checked: checked, fault: fault.message, cells: cells)
            }
        }
    }
}

/// The checks of ``Database/verify(_:control:)``; each throws ``EmbDBError/Code/corrupted`` with the place.
struct DatabaseCheck {
    let control: Control

    /// Checksums of vectors, codes and scales, finite values, and that codes are those of the vectors.
    func vectors(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        let dimension = snapshot.settings.dimension
        for column in [
            try Layout.vectors(dimension: dimension, in: transaction),
            try Layout.codes(dimension: dimension, in: transaction), Layout.codeScales,
        ] {
            guard try column.verify(in: transaction) >= snapshot.state.rows else {
                throw fault("table \(column.name) has fewer rows than there are cells")
            }
        }
        let stride = CodeQuantizer.codeStride(dimension: dimension)
        let code = AlignedBuffer<UInt8>(repeating: 0, count: stride)
        let scale = AlignedBuffer<Float>(repeating: 0, count: CodeQuantizer.scaleFloats)
        for row in 0..<snapshot.state.rows {
            try step(row, snapshot.state.rows, "checking embeddings")
            let vector = snapshot.set.vectors.row(row, as: Float.self)
            guard (0..<dimension).allSatisfy({ vector[$0].isFinite }) else {
                throw fault("the embedding of row \(row) is not finite")
            }
            CodeQuantizer.encode(
                vector, dimension: dimension, metric: snapshot.set.metric, code: code.baseAddress,
                scale: scale.baseAddress)
            let stored = UnsafeRawBufferPointer(start: snapshot.set.codes.row(row), count: stride)
            let storedScale = UnsafeRawBufferPointer(
                start: snapshot.set.codeScales.row(row), count: CodeQuantizer.scaleStride)
            guard stored.elementsEqual(UnsafeRawBufferPointer(code.pointer)),
                storedScale.elementsEqual(UnsafeRawBufferPointer(scale.pointer))
            else { throw fault("the code of row \(row) is not that of its embedding") }
        }
        return snapshot.state.rows
    }

    /// Ids both ways, and tokens that can be read.
    func cells(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        let vocabularyCount = try snapshot.model.map { try StoredModel.record($0, in: transaction).vocabularyCount }
        var cell = RankedCell()
        for row in 0..<snapshot.state.rows {
            try step(row, snapshot.state.rows, "checking cells")
            let id = try StoredCells.id(ofRow: row, in: transaction)
            if snapshot.live[row], try Layout.rowOfCell.value(for: id, in: transaction) != UInt64(row) {
                throw fault("cell \(id) of row \(row) is not found by its id")
            }
            if let vocabularyCount {
                try StoredCells.ranking(ofRow: row, vocabularyCount: vocabularyCount, into: &cell, in: transaction)
            }
        }
        // Those of deleted cells too: a changed one would lead to a cell that is there.
        let rows = try MetaRecords.pending(transaction)?.state.rows ?? snapshot.state.rows
        try Layout.rowOfCell.forEach(in: transaction) { id, row in
            guard row < UInt64(rows), try StoredCells.id(ofRow: Int(row), in: transaction) == id else {
                throw fault("cell \(id) leads to row \(row), which is another one's")
            }
        }
        return snapshot.state.rows
    }

    /// Checksums, and codes that have names.
    func obs(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        for (number, column) in snapshot.state.columns.enumerated() {
            guard try Layout.obs(number, column.kind).verify(in: transaction) >= snapshot.state.rows else {
                throw fault("obs column \(column.name) has fewer rows than there are cells")
            }
            _ = try StoredObs.column(number, state: snapshot.state, in: transaction)
        }
        return snapshot.state.columns.count
    }

    /// The model, by its SHA-256.
    func model(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        guard let reference = snapshot.model else { return 0 }
        let model = try StoredModel.load(reference, in: transaction)
        guard try model.computedSHA256() == reference.sha256 else {
            throw fault("the stored model is not the one that the embeddings were made with")
        }
        return model.weights.tensorNames.count
    }

    /// Checksums, and numbers that fit each other; whether the sums are those of the cells, only the model could tell.
    func genes(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        guard let record = try StoredGenes.record(.visible, in: transaction) else { return 0 }
        guard let model = snapshot.model, record.rows <= snapshot.state.rows else {
            throw fault("the gene embeddings are of other cells than there are")
        }
        let tokenCount = try StoredModel.record(model, in: transaction).vocabularyCount
        let dimension = snapshot.settings.dimension
        let genes = record.groups.reduce(0) { $0 + $1.genes }
        for column in [Layout.geneSums(dimension: dimension, .visible), Layout.geneCells(.visible)] {
            guard try column.verify(in: transaction) == genes else {
                throw fault("table \(column.name) has another number of rows than there are gene embeddings")
            }
        }
        guard try StoredGenes.counted(record, .visible, in: transaction).population == record.groups[0].cells else {
            throw fault("the gene embeddings are of another number of cells than they say")
        }
        for (number, group) in record.groups.enumerated() {
            try StoredGenes.forEach(
                number, record, .visible, tokenCount: tokenCount, dimension: dimension, in: transaction
            ) { token, cells, _ in
                guard cells <= group.cells else { throw fault("more cells have token \(token) than there are") }
            }
        }
        return genes
    }

    func graph(_ snapshot: Snapshot, _ transaction: borrowing ReadTransaction) throws -> Int {
        guard let description = try MetaRecords.index(transaction) else { return 0 }
        guard try Layout.graph.verify(in: transaction) == description.rows, description.rows <= snapshot.state.rows
        else {
            throw fault("the graph has another number of rows than it says")
        }
        guard try Layout.graphNumbers.verify(in: transaction) == description.rows else {
            throw fault("the graph has another number of nodes than of rows")
        }
        let basis = try MetaRecords.sketchBasis(transaction, dimension: snapshot.settings.dimension)
        guard try Layout.sketches.verify(in: transaction) == (basis == nil ? 0 : description.rows) else {
            throw fault("the graph has another number of sketches than of rows")
        }
        do {
            try snapshot.index.validate()
        } catch {
            throw fault(error.description)
        }
        return description.rows
    }

    private func step(_ row: Int, _ total: Int, _ phase: String) throws {
        guard row % 4096 == 0 else { return }
        try control.checkCancelled("stopped")
        control.progress(.init(unit: "cells", phase: phase, done: row, total: total))
    }

    private func fault(_ what: String) -> EmbDBError { EmbDBError(.corrupted, what) }
}
