/// Writes cells as an .h5ad, or obs columns and obsm matrices into a copy of one
/// (https://anndata.readthedocs.io/en/stable/fileformat-prose.html). Everything is written to a file beside the target,
/// which gets its name in ``finish()``; until then, and after an error, the target is as it was.
///
/// Names that HDF5 or anndata cannot hold are changed, see ``renamed``.
package final class H5ADWriter {
    /// A name that could not be kept: a slash separates groups in HDF5 and becomes `_`; a name that is taken (by the
    /// index, or by what anndata reserves) gets a `_` behind it.
    package struct Renaming: Sendable, Equatable {
        package let name: String
        package let stored: String
    }

    /// The columns and matrices whose names could not be kept.
    package internal(set) var renamed: [Renaming] = []
    package let cellCount: Int

    /// The file as the caller named it.
    let path: String
    let output: HDF5Output
    private let target: ReplacedFile
    private var columns: LinkNames
    private var matrices: LinkNames
    /// Columns of the dataframe encoding 0.1.0 whose categories lie beside them.
    private var legacyCategories: Set<String> = []

    /// Begins a new file: obs with the cells' ids as its index and no columns, no genes, no matrices.
    ///
    /// - Throws: `notWritten`; `tooLarge` for an id of more than 15 MiB; `unsupportedEncoding` for one with a NUL.
    package init(creating path: String, cellIDs: [String]) throws(AnnDataError) {
        self.path = path
        cellCount = cellIDs.count
        target = try ReplacedFile(path)
        output = try HDF5Output(creating: target.temporary, calledAs: path)
        columns = LinkNames(taken: Self.reserved, replaceable: [])
        matrices = LinkNames(taken: [], replaceable: [])
        try label("/", "anndata", "0.1.0")
        for name in ["layers", "obsm", "obsp", "uns", "varm", "varp"] { try makeGroup(name, "dict", "0.1.0") }
        for (name, index) in [("obs", cellIDs), ("var", [])] {
            try makeGroup(name, "dataframe", "0.2.0")
            try output.setAttribute("_index", of: name, to: .strings(["_index"]))
            try output.setAttribute("column-order", of: name, to: .strings([]), isScalar: false)
            try writeTexts(index, to: name + "/_index")
        }
    }

    /// Begins a copy of `source`, whose cells are known by their position. `check` is called between pieces of the copy;
    /// what it throws ends it.
    ///
    /// - Throws: what reading the source throws; `inconsistent` if it has not `cellCount` cells; `unsupportedEncoding`
    ///   if it is of a release whose files cannot be extended; `notWritten`.
    package init(
        copying source: String, to path: String, cellCount: Int, check: () throws -> Void = {}
    ) throws {
        let layout = try CopiedLayout(source)
        guard layout.cellCount == cellCount else {
            throw AnnDataError(
                .inconsistent, file: source, path: "obs", "there are \(layout.cellCount) cells, not \(cellCount)",
                advice: "do not change the file while it is read")
        }
        self.path = path
        self.cellCount = cellCount
        target = try ReplacedFile(path)
        try target.copyBytes(of: source, check: check)
        guard try HDF5File.examine(source) == layout.fingerprint else {
            throw AnnDataError(
                .inconsistent, file: source, "the file was changed while it was copied", advice: "run it again")
        }
        columns = LinkNames(taken: Self.reserved.union(layout.obsLinks), replaceable: layout.columnNames)
        matrices = LinkNames(taken: Set(layout.obsmLinks ?? []), replaceable: layout.obsmLinks ?? [])
        legacyCategories = layout.legacyCategories
        output = try HDF5Output(changing: target.temporary, calledAs: source)
        if layout.obsmLinks == nil { try makeGroup("obsm", "dict", "0.1.0") }
    }

    /// Adds a column to obs; in a copy, one of the same name is replaced.
    ///
    /// - Throws: `inconsistent` if it has not one value per cell, or codes without a category, or a category or a column
    ///   twice; `notWritten`.
    package func add(_ column: NewColumn) throws(AnnDataError) {
        guard column.values.count == cellCount else {
            throw AnnDataError(
                .inconsistent, file: path, path: "obs/" + column.name,
                "the column has \(column.values.count) values for \(cellCount) cells")
        }
        let (stored, isReplaced) = try columns.store(column.name, file: path, group: "obs")
        if isReplaced {
            try output.remove("obs/" + stored)
            if legacyCategories.remove(stored) != nil { try output.remove("obs/__categories/" + stored) }
        }
        if stored != column.name { renamed.append(Renaming(name: column.name, stored: stored)) }
        try write(column.values, to: "obs/" + stored)
    }

    /// Adds a matrix to obsm; in a copy, one of the same name is replaced. Its rows are asked for in pieces of a few MiB.
    ///
    /// - Throws: what `matrix.rows` throws; `inconsistent` if it gives another number of values; `notWritten`.
    package func add(_ matrix: NewMatrix) throws {
        let (stored, isReplaced) = try matrices.store(matrix.name, file: path, group: "obsm")
        if isReplaced { try output.remove("obsm/" + stored) }
        if stored != matrix.name { renamed.append(Renaming(name: matrix.name, stored: stored)) }
        try write(matrix, to: "obsm/" + stored)
    }

    /// Adds texts about the file to a new group of uns.
    package func add(notes: [(name: String, text: String)], as group: String) throws(AnnDataError) {
        try makeGroup("uns/" + group, "dict", "0.1.0")
        for (name, text) in notes {
            let path = "uns/\(group)/\(name)"
            try output.makeDataset(path, .string, shape: [])
            try output.write([text], to: path, start: [])
            try label(path, "string", "0.2.0")
        }
    }

    /// Completes the file and gives it its name. Nothing else may be called afterwards.
    package func finish() throws(AnnDataError) {
        try output.setAttribute("column-order", of: "obs", to: .strings(columns.order), isScalar: false)
        try output.finish()
        try target.finish()
    }

    /// Names of links of obs that are no columns.
    private static let reserved: Set<String> = ["_index", "__categories"]
}

extension H5ADWriter {
    /// Writes a new file in one go. See ``init(creating:cellIDs:)``, ``add(_:)-(NewColumn)``.
    @discardableResult
    package static func create(
        at path: String, cellIDs: [String], columns: [NewColumn], matrices: [NewMatrix]
    ) throws -> [Renaming] {
        let writer = try H5ADWriter(creating: path, cellIDs: cellIDs)
        return try writer.complete(columns, matrices)
    }

    /// Writes a copy of `source` in one go; rows are matched by position. See ``init(copying:to:cellCount:check:)``.
    @discardableResult
    package static func copy(
        _ source: String, to path: String, cellCount: Int, columns: [NewColumn], matrices: [NewMatrix],
        check: () throws -> Void = {}
    ) throws -> [Renaming] {
        let writer = try H5ADWriter(copying: source, to: path, cellCount: cellCount, check: check)
        return try writer.complete(columns, matrices)
    }

    private func complete(_ columns: [NewColumn], _ matrices: [NewMatrix]) throws -> [Renaming] {
        for column in columns { try add(column) }
        for matrix in matrices { try add(matrix) }
        try finish()
        return renamed
    }
}
