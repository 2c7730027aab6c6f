/// An .h5ad file, open for reading: cells (obs), genes (var), count matrices (X, layers, raw/X), embeddings (obsm).
///
/// Format: https://anndata.readthedocs.io/en/stable/fileformat-prose.html. HDF5 is read in a child process (see
/// `HDF5File`), which ends when the last value that refers to the file is gone.
package struct CellFile: Sendable {
    package let path: String
    /// The cells.
    package let obs: DataFrame
    /// The genes of X and the layers; raw/X has its own, see `genes(of:)`.
    package let `var`: DataFrame
    /// The matrices that are there: "X", "layers/NAME"… in order of name, "raw/X".
    package let layerNames: [String]
    /// Keys of the dense matrices in obsm.
    package let obsmKeys: [String]

    private let file: HDF5File

    package var cellCount: Int { obs.count }
    /// Size and time of the file when it was opened.
    package var fingerprint: FileFingerprint { file.fingerprint }

    package init(path: String) throws(AnnDataError) {
        let file = try HDF5File(path: path)
        self.file = file
        self.path = path
        let root = Dictionary(try file.list("/").map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        guard root["obs"] != nil, root["var"] != nil else { throw Self.notAnnData(path, root) }
        obs = try DataFrame(file, path: "obs")
        `var` = try DataFrame(file, path: "var")

        var layers: [String] = []
        if root["X"] != nil, try file.attributes("X")["encoding-type"]?.string != "null" { layers.append("X") }
        if root["layers"] == .group { layers += try file.list("layers").map { "layers/" + $0.name } }
        if root["raw"] == .group, try file.list("raw").contains(where: { $0.name == "X" }) { layers.append("raw/X") }
        layerNames = layers
        obsmKeys = root["obsm"] == .group ? try file.list("obsm").filter { $0.kind == .dataset }.map(\.name) : []
    }

    /// The genes (columns) of a matrix.
    package func genes(of layer: String) throws(AnnDataError) -> DataFrame {
        layer == "raw/X" ? try DataFrame(file, path: "raw/var") : `var`
    }

    /// Describes the matrix `layer` ("X", "layers/NAME", "raw/X", or the NAME of a layer alone) and checks its shape
    /// and the ends of its arrays.
    package func layer(_ layer: String) throws(AnnDataError) -> CountLayer {
        guard let name = [layer, "layers/" + layer].first(where: layerNames.contains) else {
            let near = nearestNames(to: layer, in: layerNames)
            throw AnnDataError(
                .noSuchElement, file: path, path: layer, "there is no matrix \(layer)",
                advice: layerNames.isEmpty
                    ? "the file has no counts at all"
                    : "there is \((near.isEmpty ? Array(layerNames.prefix(20)) : near).joined(separator: ", "))")
        }
        return try CountLayer(file, path: name, rowCount: cellCount, columnCount: try genes(of: name).count)
    }

    /// Whether a sample of the matrix's values are whole numbers from 0.
    package func holdsWholeNumbers(layer name: String) throws(AnnDataError) -> Bool {
        try layer(name).holdsWholeNumbers(file)
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
        CountReader(file, try layer(name), rule, memoryBudget: memoryBudget, entriesAtOnce: entriesAtOnce)
    }

    /// The matrix `key` of obsm: cells × dimensions.
    package func embedding(_ key: String) throws(AnnDataError) -> EmbeddingMatrix {
        guard obsmKeys.contains(key) else {
            let near = nearestNames(to: key, in: obsmKeys)
            throw AnnDataError(
                .noSuchElement, file: path, path: "obsm", "obsm has no dense matrix \(key)",
                advice: obsmKeys.isEmpty
                    ? "it has none at all"
                    : "there is \((near.isEmpty ? Array(obsmKeys.prefix(20)) : near).joined(separator: ", "))")
        }
        return try EmbeddingMatrix(file, path: "obsm/" + key, rowCount: cellCount)
    }

    private static func notAnnData(_ path: String, _ root: [String: ElementKind]) -> AnnDataError {
        let (detail, advice): (String, String?) =
            if root["matrix"] == .dataset, root["row_attrs"] != nil {
                ("a .loom file, not an .h5ad", "read it with anndata.read_loom and save it as .h5ad")
            } else if root["matrix"] == .group {
                ("a 10x file, not an .h5ad", "read it with scanpy.read_10x_h5 and save it as .h5ad")
            } else {
                ("an HDF5 file, but no .h5ad: it has no \(root["obs"] == nil ? "obs" : "var")", nil)
            }
        return AnnDataError(.notAnnData, file: path, detail, advice: advice)
    }
}
