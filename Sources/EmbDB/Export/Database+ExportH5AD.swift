internal import AnnData
internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// Writes the cells to `path` as an .h5ad that Python's anndata reads: obs with the cells' ids as its index, each
    /// column by its type, missing values missing; the embeddings in obsm (float32 [cells, dimension], as computed, in
    /// order of ingestion), as `X_embdb`, or under the key from which they were imported; how they were made in
    /// `uns["embdb"]`. There are no genes and no counts. Categories are sorted, and those that no cell has are left out.
    /// A slash in a column's name, which HDF5 cannot hold, becomes `_`, with a warning. A file that is there is replaced
    /// only if it is such an export.
    ///
    /// - Returns: the number of cells.
    /// - Throws: as ``exportEmbeddings(to:control:)``.
    /// - Complexity: memory of the ids, and of one column after another.
    public func exportH5AD(to path: String, control: Control = Control()) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            try OutputFile.refuseDatabase(path)
            try ReplacedH5AD.check(path, for: .export)
            return try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path)
                let (rows, set) = (snapshot.live.rows, snapshot.set)
                let stopped = H5ADWriter.stopped
                var ids: [String] = []
                ids.reserveCapacity(rows.count)
                for row in rows {
                    if ids.count % 4096 == 0 { try control.checkCancelled(stopped) }
                    ids.append(try StoredCells.id(ofRow: row, in: transaction))
                }
                let writer = try H5ADWriter(creating: path, cellIDs: ids)
                try writer.addObs(of: snapshot, rows, control, in: transaction)
                let dimension = snapshot.settings.dimension
                try writer.add(
                    NewMatrix(name: snapshot.settings.obsm ?? "X_embdb", dimension: dimension) { slab in
                        try control.checkCancelled(stopped)
                        var values: [Float] = []
                        values.reserveCapacity(slab.count * dimension)
                        for row in rows[slab] {
                            values += UnsafeBufferPointer(
                                start: set.vectors.row(row, as: Float.self), count: dimension)
                        }
                        return values
                    })
                try writer.add(notes: snapshot.notes, as: "embdb")
                try control.checkCancelled(stopped)
                try writer.finish()
                writer.warnOfNames(path, control)
                return rows.count
            }
        }
    }
}

extension Snapshot {
    /// How the embeddings were made, as texts for `uns`.
    fileprivate var notes: [(name: String, text: String)] {
        var notes = [("metric", settings.metric)]
        if let model { notes += [("model", model.name), ("model_sha256", model.sha256)] }
        if let layer = settings.layer { notes.append(("layer", layer.rawValue)) }
        if let pooling = settings.pooling { notes.append(("pooling", pooling.rawValue)) }
        return notes
    }
}
