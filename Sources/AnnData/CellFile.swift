/// A file of cells, open for reading: cells (obs), genes (var), count matrices (X, layers, raw/X), embeddings (obsm).
///
/// The format is found by content:
/// - `.h5ad` (https://anndata.readthedocs.io/en/stable/fileformat-prose.html), of any age;
/// - `.loom` (https://linnarssonlab.org/loompy/format/);
/// - the `.h5` of Cell Ranger 2 and of Cell Ranger 3 and later, and its `mtx` folders, see `MatrixFolder`.
///
/// HDF5 is read in a child process (see `HDF5File`), which ends when the last value that refers to the file is gone.
/// Of 10x Genomics' files `var` holds the features that are genes; so does it for an .h5ad that has kept their types.
package struct CellFile: Sendable {
    /// The file, or the folder of an mtx, as the caller named it.
    package let path: String
    /// The files whose bytes are the contents, in a defined order: `path`, or the three files of an mtx.
    package let contentPaths: [String]
    /// The cells.
    package let obs: DataFrame
    /// The genes of X and the layers; raw/X has its own, see `genes(of:)`.
    package let `var`: DataFrame
    /// Keys of the dense matrices in obsm.
    package let obsmKeys: [String]

    /// The matrices, in order of `layerNames`.
    private let matrices: [(name: String, place: MatrixPlace)]
    /// Where the genes of raw/X lie.
    private let rawGenes: (file: HDF5File, path: String)?
    /// What obsm lies in.
    private let hdf5: HDF5File?
    /// Whether obsm is one table, a member a matrix, as before 0.7.
    private let obsmIsTable: Bool

    /// Where a matrix lies, and how.
    enum MatrixPlace {
        /// In anndata's encoding.
        case anndata(HDF5File, path: String)
        /// Cells × genes as `data`, `indices` and `indptr`.
        case compressed(any ElementSource, path: String, CountLayer.SparseParts)
        /// Genes × cells, dense.
        case byGenes(any ElementSource, DatasetInfo)
    }

    package var cellCount: Int { obs.count }
    /// The matrices that are there: "X", "layers/NAME"… in order of name, "raw/X".
    package var layerNames: [String] { matrices.map(\.name) }

    /// Opens a file or a folder.
    ///
    /// - Parameter progress: called while a matrix of text is read, with its entries so far and in all; reading stops
    ///   with the code `stopped` where it returns false.
    package init(
        path: String, progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
    ) throws(AnnDataError) {
        switch try CellFormat.find(path) {
        case .hdf5: self = try Self.open(hdf5: HDF5File(path: path))
        case .mtx(let folder): try self.init(path, folder, progress)
        }
    }

    /// An HDF5 file that is open.
    package init(_ file: HDF5File) throws(AnnDataError) { self = try Self.open(hdf5: file) }

    init(
        path: String, contentPaths: [String], obs: DataFrame, genes: DataFrame,
        matrices: [(name: String, place: MatrixPlace)], rawGenes: (file: HDF5File, path: String)? = nil,
        obsm: (file: HDF5File, keys: [String], isTable: Bool)? = nil
    ) {
        self.path = path
        self.contentPaths = contentPaths
        self.obs = obs
        self.var = genes
        self.matrices = matrices
        self.rawGenes = rawGenes
        hdf5 = obsm?.file
        obsmKeys = obsm?.keys ?? []
        obsmIsTable = obsm?.isTable ?? false
    }

    private static func open(hdf5 file: HDF5File) throws(AnnDataError) -> CellFile {
        let root = Dictionary(try file.list("/").map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        if root["obs"] != nil, root["var"] != nil { return try CellFile(anndata: file, root) }
        if root["matrix"] == .dataset { return try CellFile(loom: file, root) }
        if let place = try TenXGroup.find(file, root) { return try CellFile(tenX: file, place) }
        throw CellFormat.unknown(file.path, root)
    }

    /// The genes (columns) of a matrix.
    package func genes(of layer: String) throws(AnnDataError) -> DataFrame {
        guard layer == "raw/X", let rawGenes else { return self.var }
        return try DataFrame(rawGenes.file, path: rawGenes.path).keepingGenes()
    }

    /// Describes the matrix `layer` ("X", "layers/NAME", "raw/X", or the NAME of a layer alone) and checks its shape
    /// and the ends of its arrays.
    package func layer(_ layer: String) throws(AnnDataError) -> CountLayer {
        let names = [layer, "layers/" + layer]
        guard let matrix = names.lazy.compactMap({ name in matrices.first { $0.name == name } }).first else {
            let near = nearestNames(to: layer, in: layerNames)
            throw AnnDataError(
                .noSuchElement, file: path, path: layer, "there is no matrix \(layer)",
                advice: layerNames.isEmpty
                    ? "the file has no counts at all"
                    : "there is \((near.isEmpty ? Array(layerNames.prefix(20)) : near).joined(separator: ", "))")
        }
        let genes = try genes(of: matrix.name)
        switch matrix.place {
        case .anndata(let file, let path):
            return try CountLayer(file, name: matrix.name, path: path, rowCount: cellCount, genes: genes)
        case .compressed(let elements, let path, let parts):
            return try CountLayer(
                name: matrix.name, path: path, rowCount: cellCount, genes: genes, layout: .rows(parts),
                elements: elements)
        case .byGenes(let elements, let dataset):
            return try CountLayer(
                name: matrix.name, path: dataset.path, rowCount: cellCount, genes: genes,
                layout: .denseByGenes(dataset), elements: elements)
        }
    }

    /// Whether a sample of the matrix's values are whole numbers from 0.
    package func holdsWholeNumbers(layer name: String) throws(AnnDataError) -> Bool {
        try holds(.counts, layer: name)
    }

    /// Whether a sample of the matrix's values are what `rule` allows.
    package func holds(_ rule: CountRule, layer name: String) throws(AnnDataError) -> Bool {
        try layer(name).holds(rule)
    }

    /// A reader of the counts of `layer`.
    ///
    /// - Parameters:
    ///   - memoryBudget: bytes for gathering rows of a matrix that is stored by columns.
    ///   - entriesAtOnce: entries of one request to the file.
    package func countReader(
        layer name: String, rule: CountRule, memoryBudget: Int = 512 << 20,
        entriesAtOnce: Int = CountReader.defaultSlice
    ) throws(AnnDataError) -> CountReader {
        CountReader(try layer(name), rule, memoryBudget: memoryBudget, entriesAtOnce: entriesAtOnce)
    }

    /// The matrix `key` of obsm: cells × dimensions.
    package func embedding(_ key: String) throws(AnnDataError) -> EmbeddingMatrix {
        guard let hdf5, obsmKeys.contains(key) else {
            let near = nearestNames(to: key, in: obsmKeys)
            let others = obsmIsTable ? nil : try? hdf5?.list("obsm")
            if others?.contains(where: { $0.name == key }) == true {
                throw AnnDataError(
                    .unsupportedEncoding, file: path, path: "obsm/" + key,
                    "obsm/\(key) is no dense matrix, but a data frame or sparse",
                    advice: "write it as one in Python (DataFrame.to_numpy(), or toarray() of a sparse matrix)")
            }
            throw AnnDataError(
                .noSuchElement, file: path, path: "obsm", "obsm has no dense matrix \(key)",
                advice: obsmKeys.isEmpty
                    ? "it has none at all"
                    : "there is \((near.isEmpty ? Array(obsmKeys.prefix(20)) : near).joined(separator: ", "))")
        }
        return obsmIsTable
            ? try EmbeddingMatrix(hdf5, path: "obsm", member: key, rowCount: cellCount)
            : try EmbeddingMatrix(hdf5, path: "obsm/" + key, rowCount: cellCount)
    }
}
