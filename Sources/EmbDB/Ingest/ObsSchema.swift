internal import AnnData
internal import LMDBStore

/// The obs columns of the database after an ingest: those it has, and those that the files add.
enum ObsSchema {
    /// A column takes a table of the file, one of names another for those. The other tables are some twenty.
    private static let largestTableCount = Environment.maximumTables - 64

    /// The union of `columns` and the sources' columns, in order of appearance.
    ///
    /// - Throws: ``EmbDBError/Code/input`` for a column whose type changes; it names both; for too many columns.
    static func union(
        _ columns: [ObsColumnDescription], _ sources: [CellSource]
    ) throws -> [ObsColumnDescription] {
        var result = columns
        var origin: [String: String] = [:]
        for source in sources {
            for column in source.obsColumns {
                let name = column.name
                guard let kind = kind(of: column) else { continue }
                guard let known = result.first(where: { $0.name == name }) else {
                    result.append(ObsColumnDescription(name: name, kind: kind))
                    origin[name] = source.path
                    continue
                }
                guard known.kind == kind else {
                    throw EmbDBError(
                        .input,
                        "obs column \(name) is of type \(known.kind.rawValue) in \(origin[name] ?? "the database") and "
                            + "\(kind.rawValue) in \(source.path): convert one of them, or rename it")
                }
            }
        }
        guard result.reduce(0, { $0 + ($1.kind == .category || $1.kind == .boolean ? 2 : 1) }) <= largestTableCount
        else {
            throw EmbDBError(
                .input,
                "there are \(result.count) obs columns (\(sources.map(\.path).joined(separator: ", "))): a database keeps "
                    + "\(largestTableCount / 2) of them, or \(largestTableCount) that hold numbers; drop some in Python "
                    + "(adata.obs = adata.obs[[…]])")
        }
        return result
    }

    static func kind(of column: Column) -> ObsColumnDescription.Kind? {
        switch column.kind {
        case .categories, .strings: .category
        case .integers: .integer
        case .numbers: .number
        case .booleans: .boolean
        case .unsupported: nil
        }
    }
}
