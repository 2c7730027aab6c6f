/// The group of a 10x Genomics .h5 that holds the matrix, by cells: `barcodes`, `data`, `indices`, `indptr`, `shape`
/// (features, cells), and what the features are.
struct TenXGroup {
    let path: String
    /// Where features are described; the group itself in Cell Ranger 2.
    let features: String
    /// Datasets of ids and of names in `features`.
    let id: String
    let name: String
    /// More datasets of `features` that become columns, and the columns' names.
    let others: [(dataset: String, column: String)]

    /// Cell Ranger 3 and later have a group `matrix`
    /// (https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-h5-matrices),
    /// Cell Ranger 2 a group for each genome. Nil if the file is of another kind.
    static func find(_ file: HDF5File, _ root: [String: ElementKind]) throws(AnnDataError) -> TenXGroup? {
        if root["matrix"] == .group {
            let links = Set(try file.list("matrix").map(\.name))
            guard links.contains("features") else {
                throw incomplete(file, "matrix", links, ["barcodes", "data", "features", "indices", "indptr", "shape"])
            }
            let features = Set(try file.list("matrix/features").map(\.name))
            try require(file, "matrix", links, ["barcodes", "data", "indices", "indptr", "shape"])
            try require(file, "matrix/features", features, ["id", "name"])
            var others: [(dataset: String, column: String)] = []
            if features.contains("feature_type") { others.append(("feature_type", "feature_types")) }
            for name in features.subtracting(["id", "name", "feature_type", "_all_tag_keys"]).sorted() {
                others.append((name, name))
            }
            return TenXGroup(path: "matrix", features: "matrix/features", id: "id", name: "name", others: others)
        }
        var genomes: [String] = []
        for (name, kind) in root.sorted(by: { $0.key < $1.key }).prefix(100) where kind == .group {
            if Set(try file.list(name).map(\.name)).isSuperset(of: ["barcodes", "genes"]) { genomes.append(name) }
        }
        guard let genome = genomes.first else { return nil }
        guard genomes.count == 1 else {
            throw AnnDataError(
                .unsupportedFormat, file: file.path,
                "it holds one matrix for each of \(genomes.joined(separator: ", "))",
                advice: "write the one you want as .h5ad: scanpy.read_10x_h5(FILE, genome=\"\(genome)\").write(…)")
        }
        try require(
            file, genome, Set(try file.list(genome).map(\.name)), ["gene_names", "data", "indices", "indptr", "shape"])
        return TenXGroup(path: genome, features: genome, id: "genes", name: "gene_names", others: [])
    }

    private static func require(
        _ file: HDF5File, _ group: String, _ links: Set<String>, _ names: [String]
    ) throws(AnnDataError) {
        if !links.isSuperset(of: names) { throw incomplete(file, group, links, names) }
    }

    private static func incomplete(
        _ file: HDF5File, _ group: String, _ links: Set<String>, _ names: [String]
    ) -> AnnDataError {
        let missing = names.filter { !links.contains($0) }.joined(separator: ", ")
        return AnnDataError(
            .notAnnData, file: file.path, path: group, "like a 10x .h5, but without \(missing)",
            advice: "give the filtered_feature_bc_matrix.h5 of Cell Ranger, or an .h5ad")
    }
}

extension CellFile {
    /// The .h5 of Cell Ranger.
    init(tenX file: HDF5File, _ group: TenXGroup) throws(AnnDataError) {
        let path = group.path
        let barcodes = try file.describe(path + "/barcodes")
        let ids = try file.describe("\(group.features)/\(group.id)")
        var shape: [Int] = []
        let declared = try file.describe(path + "/shape")
        guard declared.shape == [2] else {
            throw AnnDataError(.inconsistent, file: file.path, path: declared.path, "the shape is no pair of numbers")
        }
        try file.read(declared, start: [0], count: [2], into: &shape)
        guard barcodes.shape.count == 1, ids.shape.count == 1, shape == [ids.count, barcodes.count] else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: declared.path,
                "the shape is \(shape), but there are \(ids.count) features and \(barcodes.count) barcodes")
        }
        func column(_ dataset: String, _ name: String) throws(AnnDataError) -> Column? {
            let values = try file.describe("\(group.features)/\(dataset)")
            return values.shape == ids.shape ? Column(file, name: name, values) : nil
        }
        let index = try column(group.name, "gene_symbols")
        guard let index, index.kind == .strings else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: "\(group.features)/\(group.name)",
                "there is not one name for each of \(ids.count) features")
        }
        var columns = [Column(file, name: "gene_ids", ids)]
        for (dataset, name) in group.others {
            if let column = try column(dataset, name), column.kind != .unsupported { columns.append(column) }
        }
        let features = DataFrame(
            path: group.features, count: ids.count, index: index, columns: columns, warnings: [])
        let cells = Column(file, name: "barcodes", barcodes)
        guard cells.kind == .strings else {
            throw AnnDataError(.inconsistent, file: file.path, path: barcodes.path, "the barcodes are no texts")
        }
        let parts = CountLayer.SparseParts(
            data: try file.describe(path + "/data"), indices: try file.describe(path + "/indices"),
            indptr: try file.describe(path + "/indptr"))
        self.init(
            path: file.path, contentPaths: [file.path],
            obs: DataFrame(path: path + "/barcodes", count: barcodes.count, index: cells, columns: [], warnings: []),
            genes: try features.keepingGenes(isTenX: true),
            matrices: [("X", .compressed(file, path: path, parts))])
    }
}
