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

extension H5ADWriter {
    fileprivate static let stopped = "stopped; nothing was written"

    /// All obs columns of some rows of a database.
    func addObs(
        of snapshot: Snapshot, _ rows: [Int], _ control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        for (number, column) in snapshot.state.columns.enumerated() {
            try control.checkCancelled(Self.stopped)
            let values = try StoredObs.column(number, state: snapshot.state, in: transaction)
            try add(NewColumn(name: column.name, values: values.exported(rows, as: column.kind)))
        }
    }

    /// Says which columns could not keep their names.
    func warnOfNames(_ path: String, _ control: Control) {
        for change in renamed {
            control.warning("\"\(change.name)\" is called \"\(change.stored)\" in \(path)")
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

extension ObsColumn {
    /// The values of some rows, as an obs column of AnnData.
    fileprivate func exported(_ rows: [Int], as kind: ObsColumnDescription.Kind) -> ColumnValues {
        switch self {
        case .numbers(let values): .numbers(rows.map { values[$0] })
        case .integers(let values): .integers(rows.map { values[$0] == .min ? nil : values[$0] })
        case .text(let values): .strings(rows.map { values[$0] })
        case .categories(let codes, let names):
            kind == .boolean
                ? .booleans(rows.map { codes[$0] < 0 ? nil : codes[$0] != 0 })
                : Self.exported(rows.map { codes[$0] }, names)
        }
    }

    /// Sorted by the names' code points, as pandas does. Names of which no two cells have the same, such as barcodes, are
    /// plain texts, as anndata has them.
    private static func exported(_ codes: [Int32], _ names: [String]) -> ColumnValues {
        let used = Set(codes).filter { $0 >= 0 }
        if used.count == codes.count { return .strings(codes.map { names[Int($0)] }) }
        let sorted = used.sorted { names[Int($0)].utf8.lexicographicallyPrecedes(names[Int($1)].utf8) }
        var newCode = [Int32](repeating: -1, count: names.count)
        for (code, old) in sorted.enumerated() { newCode[Int(old)] = Int32(code) }
        return .categories(
            codes: codes.map { $0 < 0 ? -1 : newCode[Int($0)] }, names: sorted.map { names[Int($0)] }, ordered: false)
    }
}
