internal import AnnData
internal import LMDBStore

extension Database {
    /// Writes what ``perturb(options:control:)`` answered as an .h5ad of the perturbed cells that Python's anndata reads: obs as
    /// ``exportH5AD(to:control:)`` has it; in obsm, cells × perturbations, the matrices of ``PerturbAnswer/writeNPZ(_:)`` as
    /// `perturbation_similarity` and `perturbation_shift`; in `uns["embdb"]` the names of their columns, one a line. There are no
    /// genes and no counts. If a cell has been deleted since, a warning says so, and there is no obs either. A file that is there
    /// is replaced only if embdb exported it.
    ///
    /// - Throws: ``EmbDBError`` `usage` for the place of another kind of file, `storage` if it cannot be written there.
    public func exportPerturbations(
        _ answer: PerturbAnswer, to path: String, control: Control = Control()
    ) throws(EmbDBError) {
        try Self.checkPerturbationExport(path)
        try withEmbDBErrors {
            let table = PerturbTable(answer.results)
            let width = table.perturbations.count
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path, deletedOnes: true)
                let rows = try table.cells.compactMap { cell in
                    try StoredCells.row(of: cell, state: snapshot.state, live: snapshot.live, in: transaction)
                }
                let writer = try H5ADWriter(creating: path, cellIDs: table.cells)
                if rows.count == table.cells.count {
                    try writer.addObs(of: snapshot, rows, control, in: transaction)
                } else {
                    let missing = table.cells.count - rows.count
                    control.warning("\(path) has no obs: \(missing) of its cells have been deleted from the database")
                }
                for (name, values) in table.matrices {
                    try writer.add(
                        NewMatrix(name: "perturbation_" + name, dimension: width) { slab in
                            Array(values[slab.lowerBound * width..<slab.upperBound * width])
                        })
                }
                try writer.add(
                    notes: [
                        ("mode", answer.mode.rawValue), ("model", answer.model.name),
                        ("model_sha256", answer.model.sha256),
                        ("perturbations", table.perturbations.joined(separator: "\n")),
                        ("partial", "\(answer.isPartial)"),
                    ], as: "embdb")
                try writer.finish()
                writer.warnOfNames(path, control)
            }
        }
    }

    /// Whether ``exportPerturbations(_:to:control:)`` would take the place of another file, asked before a long computation.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if it would.
    package static func checkPerturbationExport(_ path: String) throws(EmbDBError) {
        try OutputFile.refuseDatabase(path)
        try ReplacedH5AD.check(path, for: .export)
    }
}
