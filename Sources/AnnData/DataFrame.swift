/// obs or var: rows with an index (their names) and columns.
package struct DataFrame: Sendable {
    /// `obs`, `var`, `raw/var`, …: where it lies in the file.
    package let path: String
    /// Rows.
    package let count: Int
    /// The columns, in their order; the index is not among them.
    package let columnNames: [String]
    /// The row names.
    package let index: Column
    /// What of the file is left out, for people.
    package let warnings: [String]
    /// The file's rows that are rows of the frame, ascending; nil: all.
    let selection: [Int]?
    /// The file's rows.
    let storedCount: Int

    private let columns: Columns

    /// Where the columns come from.
    private enum Columns {
        /// Elements of a group as anndata writes it, described when they are asked for.
        case group(HDF5File, kinds: [String: ElementKind], legacyCategories: Set<String>)
        case described([String: Column])
    }

    /// A frame of columns that are described already; every one has the rows of the index.
    init(path: String, count: Int, index: Column, columns: [Column], warnings: [String]) {
        self.path = path
        self.count = count
        self.index = index
        self.warnings = warnings
        columnNames = columns.map(\.name)
        self.columns = .described(Dictionary(columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }))
        selection = nil
        storedCount = count
    }

    /// The rows `selection` of `frame`, a frame of all its rows.
    init(_ frame: DataFrame, _ selection: [Int], warning: String) {
        path = frame.path
        count = selection.count
        columnNames = frame.columnNames
        index = frame.index.selecting(selection)
        warnings = frame.warnings + [warning]
        columns = frame.columns
        self.selection = selection
        storedCount = frame.storedCount
    }

    /// The group at `path` as anndata writes it since 0.7.
    init(_ file: HDF5File, group path: String) throws(AnnDataError) {
        self.path = path
        let attributes = try file.attributes(path)
        let links = try file.list(path)
        let kinds = Dictionary(links.map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        let legacyCategories =
            kinds["__categories"] == .group ? Set(try file.list(path + "/__categories").map(\.name)) : []
        columns = .group(file, kinds: kinds, legacyCategories: legacyCategories)

        guard let indexName = attributes["_index"]?.string else {
            throw AnnDataError(.notAnnData, file: file.path, path: path, "\(path) is no dataframe: it names no index")
        }
        guard let indexKind = kinds[indexName] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path, "the index \(indexName) of \(path) is not in the file")
        }
        index = try Column(
            file, name: indexName, path: path + "/" + indexName, kind: indexKind,
            legacyCategories: legacyCategories.contains(indexName) ? path + "/__categories/" + indexName : nil)
        guard index.kind != .unsupported else {
            throw AnnDataError(
                .unsupportedEncoding, file: file.path, path: index.path,
                "the index has the encoding \(index.encoding), which is not read")
        }
        count = index.count
        storedCount = count
        selection = nil
        warnings = []
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
                .noSuchElement, file: index.elements.path, path: path, "\(path) has no column \(name)",
                advice: columnNames.isEmpty ? "it has no columns at all" : proposal)
        }
        let column = try storedColumn(name)
        return selection.map(column.selecting) ?? column
    }

    /// The column `name` with all the file's rows.
    private func storedColumn(_ name: String) throws(AnnDataError) -> Column {
        let file: HDF5File
        let kinds: [String: ElementKind]
        let legacyCategories: Set<String>
        switch columns {
        case .described(let columns):
            // `columnNames` are its keys.
            return columns[name] ?? index
        case .group(let group, let groupKinds, let names):
            file = group
            kinds = groupKinds
            legacyCategories = names
        }
        var found = kinds[name]
        if found == nil { found = try Self.nestedKind(name, file, path, kinds) }
        guard let kind = found else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: path, "column-order names \(name), which is not in the file")
        }
        let column = try Column(
            file, name: name, path: path + "/" + name, kind: kind,
            legacyCategories: legacyCategories.contains(name) ? path + "/__categories/" + name : nil)
        guard column.kind == .unsupported || column.count == storedCount else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: column.path,
                "the column \(name) has \(column.count) rows, \(path) has \(storedCount)")
        }
        return column
    }

    /// A name with a slash, which old releases let through, lies in a group of its own.
    private static func nestedKind(
        _ name: String, _ file: HDF5File, _ path: String, _ kinds: [String: ElementKind]
    ) throws(AnnDataError) -> ElementKind? {
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
