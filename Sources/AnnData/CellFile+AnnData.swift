extension CellFile {
    /// An .h5ad: with groups for obs, var and obsm, or with tables (datasets of compound type) as before 0.7.
    init(anndata file: HDF5File, _ root: [String: ElementKind]) throws(AnnDataError) {
        let obs = try DataFrame(file, path: "obs")
        let genes = try DataFrame(file, path: "var").keepingGenes()

        var matrices: [(name: String, place: MatrixPlace)] = []
        if root["X"] != nil, try file.attributes("X")["encoding-type"]?.string != "null" {
            matrices.append(("X", .anndata(file, path: "X")))
        }
        if root["layers"] == .group {
            for link in try file.list("layers") {
                matrices.append(("layers/" + link.name, .anndata(file, path: "layers/" + link.name)))
            }
        }
        var rawGenes: (file: HDF5File, path: String)?
        if root["raw"] == .group, try file.list("raw").contains(where: { $0.name == "X" }) {
            matrices.append(("raw/X", .anndata(file, path: "raw/X")))
            rawGenes = (file, "raw/var")
        } else if root["raw.X"] != nil, root["raw.var"] != nil {
            // The names before 0.7.
            matrices.append(("raw/X", .anndata(file, path: "raw.X")))
            rawGenes = (file, "raw.var")
        }
        var keys: [String] = []
        if root["obsm"] == .group {
            keys = try file.list("obsm").filter { $0.kind == .dataset }.map(\.name)
        } else if root["obsm"] == .dataset {
            for member in try file.members("obsm") where try file.describe("obsm", member: member).shape.count == 2 {
                keys.append(member)
            }
        }
        self.init(
            path: file.path, contentPaths: [file.path], obs: obs, genes: genes, matrices: matrices, rawGenes: rawGenes,
            obsm: (file, keys, root["obsm"] == .dataset))
    }
}

extension DataFrame {
    /// The group or the table at `path`.
    init(_ file: HDF5File, path: String) throws(AnnDataError) {
        let members: [String]
        do throws(AnnDataError) {
            members = try file.members(path)
        } catch {
            // It is a group.
            guard error.code == .unsupportedEncoding else { throw error }
            try self.init(file, group: path)
            return
        }
        try self.init(file, table: path, members: members)
    }

    /// A table, one member a column, as anndata wrote obs and var before 0.7. The first member, `index` as a rule, names
    /// the rows; the names of the codes in a column C lie in `uns/C_categories`.
    private init(_ file: HDF5File, table path: String, members: [String]) throws(AnnDataError) {
        guard let indexName = ["index", "_index"].first(where: members.contains) ?? members.first else {
            throw AnnDataError(.notAnnData, file: file.path, path: path, "\(path) is no dataframe: it has no columns")
        }
        let index = Column(file, name: indexName, try file.describe(path, member: indexName))
        guard index.kind != .unsupported, index.values?.shape.count == 1 else {
            throw AnnDataError(
                .unsupportedEncoding, file: file.path, path: index.path, "the index holds no texts or numbers")
        }
        let categories = Set(
            (try? file.list("uns"))?.filter { $0.kind == .dataset && $0.name.hasSuffix("_categories") }.map(\.name)
                ?? [])
        var columns: [Column] = []
        var warnings: [String] = []
        for name in members where name != indexName {
            let values = try file.describe(path, member: name)
            guard values.shape.count == 1 else {
                warnings.append("\(path) column \(name) has \(values.shape.count) dimensions and is left out")
                continue
            }
            var column = Column(file, name: name, values)
            // A table has as many rows in each member, but it is the child process that says so.
            guard column.kind == .unsupported || column.count == index.count else {
                throw AnnDataError(
                    .inconsistent, file: file.path, path: path,
                    "the column \(name) has \(column.count) rows, \(path) has \(index.count)")
            }
            if column.kind == .integers, categories.contains(name + "_categories") {
                column = try column.asCodes(file, of: "uns/\(name)_categories")
            }
            columns.append(column)
        }
        self.init(path: path, count: index.count, index: index, columns: columns, warnings: warnings)
    }
}

extension Column {
    /// This column of integers as codes of the names at `path`, unless one of them is no code: obs and var shared the
    /// names, so that they may be those of a column of the other one.
    fileprivate func asCodes(_ file: HDF5File, of path: String) throws(AnnDataError) -> Column {
        let names = try Self.readCategories(file, path, .dataset)
        let column = Column(
            name: name, path: self.path, kind: .categories, encoding: encoding, categories: names, elements: elements,
            values: values)
        do throws(AnnDataError) {
            try column.check()
            return column
        } catch {
            guard error.code == .inconsistent else { throw error }
            return self
        }
    }
}
