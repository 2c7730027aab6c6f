extension CellFile {
    /// A .loom: `matrix` and `layers` of genes × cells, `row_attrs` of the genes, `col_attrs` of the cells.
    init(loom file: HDF5File, _ root: [String: ElementKind]) throws(AnnDataError) {
        for group in ["row_attrs", "col_attrs"] where root[group] != .group {
            throw AnnDataError(
                .notAnnData, file: file.path, "an HDF5 file with a matrix as a .loom has it, but without \(group)",
                advice: "give a .loom as loompy writes it")
        }
        let matrix = try Self.loomMatrix(file, "matrix")
        var matrices: [(name: String, place: MatrixPlace)] = [("X", .byGenes(file, matrix))]
        if root["layers"] == .group {
            for link in try file.list("layers") where link.kind == .dataset {
                let layer = try Self.loomMatrix(file, "layers/" + link.name)
                guard layer.shape == matrix.shape else {
                    throw AnnDataError(
                        .inconsistent, file: file.path, path: layer.path,
                        "the layer has the shape \(layer.shape), the matrix \(matrix.shape)")
                }
                matrices.append(("layers/" + link.name, .byGenes(file, layer)))
            }
        }
        let obs = try DataFrame(
            file, attributes: "col_attrs", count: matrix.shape[1],
            index: ["CellID", "cell_id", "cell_ids", "obs_names", "barcode", "barcodes"], option: "--cell-column")
        let genes = try DataFrame(
            file, attributes: "row_attrs", count: matrix.shape[0],
            index: ["Gene", "gene", "gene_names", "var_names", "Accession"], option: "--gene-column")
        self.init(
            path: file.path, contentPaths: [file.path], obs: obs, genes: try genes.keepingGenes(), matrices: matrices)
    }

    private static func loomMatrix(_ file: HDF5File, _ path: String) throws(AnnDataError) -> DatasetInfo {
        let matrix = try file.describe(path)
        guard matrix.type.isNumeric || matrix.type == .boolean, matrix.shape.count == 2 else {
            throw AnnDataError(.unsupportedEncoding, file: file.path, path: path, "\(path) is no matrix of numbers")
        }
        return matrix
    }
}

extension DataFrame {
    /// The attributes of a loom file's rows or columns. What has two dimensions, or another length, is left out.
    ///
    /// - Parameters:
    ///   - names: attributes that name the rows, the most usual first. Without any of them the rows have no names, and
    ///     reading them is an error that tells to name a column by `option`.
    fileprivate init(
        _ file: HDF5File, attributes path: String, count: Int, index names: [String], option: String
    ) throws(AnnDataError) {
        var columns: [Column] = []
        var warnings: [String] = []
        for link in try file.list(path) where link.kind == .dataset {
            let values = try file.describe(path + "/" + link.name)
            if values.shape != [count] {
                warnings.append("\(path)/\(link.name) has the shape \(values.shape), not [\(count)], and is left out")
                continue
            }
            columns.append(Column(file, name: link.name, values))
        }
        let indexName = names.first { name in columns.contains { $0.name == name && $0.kind != .unsupported } }
        if let indexName, let position = columns.firstIndex(where: { $0.name == indexName }) {
            let index = columns.remove(at: position)
            self.init(path: path, count: count, index: index, columns: columns, warnings: warnings)
            return
        }
        var index = Column(
            name: names[0], path: "\(path)/\(names[0])", kind: .unsupported, elements: file, values: nil)
        let others = columns.map(\.name).prefix(20).joined(separator: ", ")
        index.problem = AnnDataError(
            .noSuchElement, file: file.path, path: path, "there is no \(names[0])",
            advice: others.isEmpty
                ? "write it by loompy with this attribute"
                : "name the attribute to take instead by \(option) (there is \(others))")
        self.init(path: path, count: count, index: index, columns: columns, warnings: warnings)
    }
}
