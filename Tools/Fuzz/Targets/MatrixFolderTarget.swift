import AnnData
import Foundation

/// The three texts of an mtx folder. The input is matrix, features and barcodes, separated by the byte 0xFF, which no
/// text has; one that begins as gzip does is a compressed matrix alone, with sound tables beside it.
enum MatrixFolderTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let isCompressed = bytes.starts(with: [0x1F, 0x8B])
        let parts = isCompressed ? [] : bytes.split(separator: 0xFF, maxSplits: 2, omittingEmptySubsequences: false)
        let folder = Scratch.path("mtx")
        try? FileManager.default.removeItem(atPath: folder)
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = Scratch.write(
            isCompressed ? bytes : Array(parts[0]), isCompressed ? "mtx/matrix.mtx.gz" : "mtx/matrix.mtx")
        _ = Scratch.write(parts.count > 1 ? Array(parts[1]) : features, "mtx/features.tsv")
        _ = Scratch.write(parts.count > 2 ? Array(parts[2]) : barcodes, "mtx/barcodes.tsv")
        refusing { try readAll(CellFile(path: folder)) }
    }

    /// `files`: matrices, as text or compressed.
    static func seeds(_ files: [String]) throws -> [[UInt8]] {
        try files.map { path in
            let matrix = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            return path.hasSuffix(".gz") ? matrix : matrix + [0xFF] + features + [0xFF] + barcodes
        }
    }

    /// As many as the matrices of the fixtures have.
    private static let features = Array(
        (0..<genes).map { "ENSG\($0)\tGENE\($0)\tGene Expression\n" }.joined().utf8)
    private static let barcodes = Array((0..<cells).map { "AAAC\($0)-1\n" }.joined().utf8)
    private static let (genes, cells) = (17, 23)
}
