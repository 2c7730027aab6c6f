/// What has to be known of a file before a copy of it is extended.
struct CopiedLayout {
    let fingerprint: FileFingerprint
    let cellCount: Int
    /// obs columns in their order.
    let columnNames: [String]
    /// All links of obs, the index among them.
    let obsLinks: Set<String>
    /// Columns whose categories lie in `obs/__categories`.
    let legacyCategories: Set<String>
    /// Nil if there is no obsm.
    let obsmLinks: [String]?

    /// Reads `source`, and refuses what a current anndata could not read once it has new columns: files of releases
    /// before 0.7, whose obs or obsm is one table.
    init(_ source: String) throws(AnnDataError) {
        let file = try HDF5File(path: source)
        fingerprint = file.fingerprint
        let root = Dictionary(try file.list("/").map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        guard let obsKind = root["obs"], root["var"] != nil else {
            throw AnnDataError(
                .notAnnData, file: source, "not an .h5ad, so that nothing can be written into a copy of it",
                advice: "give an .h5ad file as anndata writes it")
        }
        guard obsKind == .group, try file.attributes("obs")["encoding-type"]?.string == "dataframe" else {
            throw Self.old(source, "obs")
        }
        if let kind = root["obsm"], kind != .group { throw Self.old(source, "obsm") }
        let obs = try DataFrame(file, path: "obs")
        cellCount = obs.count
        columnNames = obs.columnNames
        obsLinks = Set(try file.list("obs").map(\.name))
        legacyCategories =
            obsLinks.contains("__categories") ? Set(try file.list("obs/__categories").map(\.name)) : []
        obsmLinks = root["obsm"] == nil ? nil : try file.list("obsm").map(\.name)
    }

    private static func old(_ source: String, _ element: String) -> AnnDataError {
        AnnDataError(
            .unsupportedEncoding, file: source, path: element,
            "\(element) is stored as anndata did before 0.7, and columns cannot be added to it",
            advice: "read and write the file with a current anndata, or ask for a .tsv")
    }
}
