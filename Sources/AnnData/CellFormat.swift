internal import Glibc

/// What a path leads to, by its content.
enum CellFormat {
    case hdf5
    case mtx(MatrixFolder)

    /// - Throws: for all that is not read, by name and with what to do.
    static func find(_ path: String) throws(AnnDataError) -> CellFormat {
        var info = stat()
        guard stat(path, &info) == 0 else { throw fileError(errno, path) }
        if info.st_mode & S_IFMT == S_IFDIR { return .mtx(try folder(path)) }
        // Of an HDF5 file `HDF5File` itself says what is wrong with it.
        let start = try Beginning(path)
        if start.isHDF5 { return .hdf5 }
        if start.inflated.starts(with: Array("%%MatrixMarket".utf8)) {
            return .mtx(try MatrixFolder(matrixFile: path))
        }
        if let refusal = start.refusal(of: path) { throw refusal }
        return .hdf5
    }

    private static func folder(_ path: String) throws(AnnDataError) -> MatrixFolder {
        let names = try MatrixFolder.names(in: path)
        if !Set(names).isDisjoint(with: [".zgroup", ".zattrs", ".zmetadata", "zarr.json"]) || path.hasSuffix(".zarr") {
            throw zarr(path)
        }
        if let folder = try MatrixFolder(folder: path, names: names) { return folder }
        // The folder above: `outs`, or that of a sample.
        var nested: [String] = []
        for name in names.sorted().prefix(100) {
            let inner = (try? MatrixFolder.names(in: path + "/" + name)) ?? []
            if inner.contains("matrix.mtx") || inner.contains("matrix.mtx.gz") { nested.append(name) }
        }
        throw AnnDataError(
            .isDirectory, file: path, "a folder without a matrix.mtx",
            advice: nested.isEmpty
                ? "name a file (.h5ad, .loom, 10x .h5), or a folder of matrix.mtx, barcodes.tsv and features.tsv"
                : "name the folder inside: \(nested.prefix(5).joined(separator: ", "))")
    }

    fileprivate static func zarr(_ path: String) -> AnnDataError {
        AnnDataError(
            .unsupportedFormat, file: path, "zarr is not supported",
            advice: "read it with anndata.read_zarr and write it as .h5ad")
    }

    /// The error of an HDF5 file of a kind that is not read.
    static func unknown(_ path: String, _ root: [String: ElementKind]) -> AnnDataError {
        if root["assays"] != nil, root["cell.names"] != nil || root["meta.data"] != nil {
            return AnnDataError(
                .unsupportedFormat, file: path, "a Seurat object (.h5seurat), which is not read",
                advice: "write it as .h5ad with SeuratDisk::Convert(FILE, dest = \"h5ad\")")
        }
        if root["mod"] == .group {
            return AnnDataError(
                .unsupportedFormat, file: path, "a MuData file (.h5mu), which is not read",
                advice: "write its RNA as .h5ad: mudata.read(FILE).mod[\"rna\"].write(…)")
        }
        let names = root.keys.sorted().prefix(8).joined(separator: ", ")
        return AnnDataError(
            .notAnnData, file: path,
            "an HDF5 file, but neither an .h5ad (obs, var), a .loom (matrix, row_attrs, col_attrs) nor a 10x .h5 "
                + "(matrix with barcodes and features): it has \(names.isEmpty ? "nothing" : names)")
    }
}

/// The first bytes of a file, and what a gzip-compressed one inflates to.
private struct Beginning {
    let bytes: [UInt8]
    /// The same as `bytes` unless the file is compressed.
    let inflated: [UInt8]
    let isHDF5: Bool

    init(_ path: String) throws(AnnDataError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw fileError(errno, path) }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            throw AnnDataError(.notFound, file: path, "not a regular file")
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw fileError(errno, path) }
        guard count > 0 else { throw AnnDataError(.empty, file: path, "the file is empty") }
        bytes = Array(buffer.prefix(count))
        isHDF5 = HDF5File.hasSignature(descriptor, size: Int(info.st_size))
        inflated = bytes.starts(with: [0x1f, 0x8b]) ? TextLines.beginning(of: path, count: 4096) : bytes
    }

    /// The error of a file that is not read; nil if nothing is known about it.
    func refusal(of path: String) -> AnnDataError? {
        func refused(_ detail: String, _ advice: String) -> AnnDataError {
            AnnDataError(.unsupportedFormat, file: path, detail, advice: advice)
        }
        func begins(_ text: String) -> Bool { inflated.starts(with: Array(text.utf8)) }
        let name = path.lowercased()
        func ends(_ endings: String...) -> Bool {
            endings.contains { name.hasSuffix($0) || name.hasSuffix($0 + ".gz") }
        }
        let isTar = inflated.count > 262 && inflated[257..<262].elementsEqual(Array("ustar".utf8))
        let isRObject =
            begins("RDX") || begins("RDA") || begins("X\n\0\0\0") || begins("A\n2\n") || begins("A\n3\n")
            || bytes.starts(with: [0x0b, 0x0e, 0x0a, 0x0c]) || ends(".rds", ".rdata", ".rda", ".qs", ".h5seurat")
        if isRObject {
            return refused(
                "an R object, which is not read",
                "write it as .h5ad in R (zellkonverter::writeH5AD for a SingleCellExperiment, SeuratDisk for Seurat)")
        }
        if isTar || ends(".tar", ".tgz") {
            return refused("a tar archive", "unpack it (tar xf) and name the folder of matrix.mtx inside")
        }
        if ends(".zarr.zip") { return CellFormat.zarr(path) }
        if ends(".xlsx", ".xls") {
            return refused("a spreadsheet", "give the raw counts as .h5ad, .loom, 10x .h5 or mtx folder")
        }
        if begins("PK\u{3}\u{4}") { return refused("a zip archive", "unpack it and name what is inside") }
        if inflated.starts(with: [0x89, 0x48, 0x44, 0x46]), inflated != bytes {
            return refused("a gzip-compressed HDF5 file", "unpack it with gunzip")
        }
        if begins("BAM\u{1}") || ends(".bam", ".cram", ".sam", ".fastq", ".fq") {
            return refused(
                "a file of reads, not of counts", "count genes first, with Cell Ranger, STARsolo or the like")
        }
        let isText = inflated.allSatisfy { $0 >= 32 || ($0 >= 9 && $0 <= 13) }
        if isText, inflated.contains(UInt8(ascii: ",")) || inflated.contains(9) || ends(".csv", ".tsv", ".txt") {
            return refused(
                "text, which is not read",
                "if it is a table of counts, read it with scanpy.read_csv or read_text (cells in rows), and write it as "
                    + ".h5ad")
        }
        return nil
    }
}
