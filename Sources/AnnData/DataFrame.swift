/// obs or var: rows with an index (their names) and columns.
package struct DataFrame: Sendable {
    /// `obs`, `var` or `raw/var`.
    package let path: String
    /// Rows.
    package let count: Int
    /// The columns, in their order; the index is not among them.
    package let columnNames: [String]
    /// The row names.
    package let index: Column

    private let file: HDF5File
    private let kinds: [String: ElementKind]
    private let legacyCategories: Set<String>

    init(_ file: HDF5File, path: String) throws(AnnDataError) {
        self.file = file
        self.path = path
        let attributes = try file.attributes(path)
        let links: [(name: String, kind: ElementKind)]
        do throws(AnnDataError) {
            links = try file.list(path)
        } catch {
            guard error.code == .unsupportedEncoding else { throw error }
            throw AnnDataError(
                .unsupportedEncoding, file: file.path, path: path,
                "\(path) is one table, as anndata wrote it before 0.7",
                advice: "read and write the file with a current anndata")
        }
        let kinds = Dictionary(links.map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        self.kinds = kinds
        legacyCategories =
            kinds["__categories"] == .group ? Set(try file.list(path + "/__categories").map(\.name)) : []

        guard let indexName = attributes["_index"]?.string else {
            throw AnnDataError(.notAnnData, file: file.path, path: path, "\(path) is no dataframe: it names no index")
        }
        guard let indexKind = kinds[indexName] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path, "the index \(indexName) of \(path) is not in the file")
        }
        index = try Column(file, name: indexName, path: path + "/" + indexName, kind: indexKind)
        guard index.kind != .unsupported else {
            throw AnnDataError(
                .unsupportedEncoding, file: file.path, path: index.path,
                "the index has the encoding \(index.encoding), which is not read")
        }
        count = index.count
        let others = links.map(\.name).filter { $0 != indexName && $0 != "__categories" }
        if let order = attributes["column-order"] {
            guard let names = order.stringArray else {
                throw AnnDataError(.inconsistent, file: file.path, path: path, "column-order of \(path) holds no names")
            }
            columnNames = names
        } else {
            columnNames = others
        }
    }

    /// The column `name`; the categories of a categorical one are read here. Throws the nearest names if there is
    /// none, and an error if its length is not that of the index.
    package func column(named name: String) throws(AnnDataError) -> Column {
        if name == index.name { return index }
        guard columnNames.contains(name) else {
            let near = nearestNames(to: name, in: columnNames)
            let proposal =
                near.isEmpty
                ? "there are: \(columnNames.prefix(20).joined(separator: ", "))"
                : "did you mean \(near.joined(separator: ", "))?"
            throw AnnDataError(
                .noSuchElement, file: file.path, path: path, "\(path) has no column \(name)",
                advice: columnNames.isEmpty ? "it has no columns at all" : proposal)
        }
        var found = kinds[name]
        if found == nil { found = try nestedKind(name) }
        guard let kind = found else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path, "column-order names \(name), which is not in the file")
        }
        let column = try Column(
            file, name: name, path: path + "/" + name, kind: kind,
            legacyCategories: legacyCategories.contains(name) ? path + "/__categories/" + name : nil)
        guard column.kind == .unsupported || column.count == count else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: column.path,
                "the column \(name) has \(column.count) rows, \(path) has \(count)")
        }
        return column
    }

    /// A name with a slash, which old releases let through, lies in a group of its own.
    private func nestedKind(_ name: String) throws(AnnDataError) -> ElementKind? {
        guard let slash = name.lastIndex(of: "/"), let group = name.split(separator: "/").first,
            kinds[String(group)] == .group
        else { return nil }
        let last = name[name.index(after: slash)...]
        return try file.list(path + "/" + name[..<slash]).first { $0.name == last }?.kind
    }

    /// Names of the rows `rows`; missing ones are empty.
    package func names(_ rows: Range<Int>) throws(AnnDataError) -> [String] {
        try index.readTexts(rows: rows).map { $0 ?? "" }
    }
}
