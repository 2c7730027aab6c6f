internal import Glibc

/// The three files of a matrix as Cell Ranger writes it in text: `matrix.mtx`, `barcodes.tsv`, and `features.tsv`
/// (version 3 and later) or `genes.tsv` (2), each plain or with `.gz`
/// (https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-mex-matrices). In the
/// GEO archive the names of all three have a common prefix.
struct MatrixFolder {
    let matrix: String
    let barcodes: String
    let features: String

    private static let matrixNames = ["matrix.mtx", "matrix.mtx.gz"]
    private static let barcodeNames = ["barcodes.tsv", "barcodes.tsv.gz"]
    private static let featureNames = ["features.tsv", "features.tsv.gz", "genes.tsv", "genes.tsv.gz"]

    /// The only matrix in the folder; nil if there is none.
    init?(folder: String, names: [String]) throws(AnnDataError) {
        // On disks of other systems macOS puts a file `._NAME` beside each file.
        let found = names.filter { name in
            !name.hasPrefix(".") && Self.matrixNames.contains(where: name.hasSuffix)
        }.sorted()
        guard let name = found.first else { return nil }
        guard found.count == 1 else {
            throw AnnDataError(
                .unsupportedFormat, file: folder,
                "a folder of \(found.count) matrices: \(found.prefix(5).joined(separator: ", "))",
                advice: "name the file of one of them")
        }
        try self.init(folder: folder, matrix: name, names)
    }

    /// The files that belong to the matrix at `path`.
    init(matrixFile path: String) throws(AnnDataError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let names = try Self.names(in: folder.isEmpty ? "/" : folder)
        try self.init(folder: slash == nil ? "" : folder, matrix: name, names)
    }

    private init(folder: String, matrix: String, _ names: [String]) throws(AnnDataError) {
        let ending = Self.matrixNames.first(where: matrix.hasSuffix)
        // STARsolo's folders have matrices of other names beside the same barcodes and features.
        let prefix = ending.map { String(matrix.dropLast($0.count)) } ?? ""
        func path(_ name: String) -> String { folder.isEmpty ? name : folder + "/" + name }
        func find(_ endings: [String]) throws(AnnDataError) -> String {
            let found = endings.map { prefix + $0 }.filter(names.contains)
            guard let name = found.first else {
                throw AnnDataError(
                    .notFound, file: path(matrix),
                    "a matrix without \(endings.map { prefix + $0 }.joined(separator: " or ")) beside it",
                    advice: "put the files of cells and genes into the same folder, with these names")
            }
            guard found.count == 1 else {
                throw AnnDataError(
                    .unsupportedFormat, file: path(matrix), "\(found.joined(separator: " and ")) are both there",
                    advice: "move one of them away")
            }
            return path(name)
        }
        self.matrix = path(matrix)
        barcodes = try find(Self.barcodeNames)
        features = try find(Self.featureNames)
    }

    /// The names in a folder.
    static func names(in folder: String) throws(AnnDataError) -> [String] {
        guard let stream = opendir(folder) else { throw fileError(errno, folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
