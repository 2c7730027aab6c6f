extension Database {
    /// Takes in embeddings of any model from obsm, with the cells' obs; counts are not looked at.
    ///
    /// The first import settles dimension and metric. A database holds imported embeddings or those of its own model,
    /// never both: embeddings of two models cannot be compared. Batches, resuming and repeating are as in
    /// ``ingest(_:into:options:control:)``.
    ///
    /// - Parameters:
    ///   - files: files with obsm, in this order; their X may be empty.
    ///   - path: the database; made if it is not there, after the files were found to be usable.
    ///   - options: which key of obsm, which metric, which cells.
    ///   - control: told of every cell and asked whether to stop.
    /// - Throws: ``EmbDBError`` `input` with file, key and row for a vector that holds NaN or an infinite value, or is
    ///   all zeros where cosine is measured; `usage` for another metric or dimension than the database has; `model` if
    ///   it holds embeddings of its own model; `duplicateCells`, `pendingIngest`, `expression`, `nothingFound`,
    ///   `locked`, `storage`, `cancelled`. The database then shows what it showed before.
    public static func importEmbeddings(
        _ files: [String], into path: String, options: ImportOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestReport {
        try ingest(files, into: path, options: options.run, control: control)
    }

    /// ``importEmbeddings(_:into:options:control:)`` into this database, which must be open for writing.
    ///
    /// - Throws: as there; `usage` if the database was opened read-only.
    public func importEmbeddings(
        _ files: [String], options: ImportOptions, control: Control = Control()
    ) throws(EmbDBError) -> IngestReport {
        try ingest(files, options: options.run, control: control)
    }
}
