internal import Glibc

/// The entries of a matrix of text, converted once to a temporary file that has no name (it is gone with the process,
/// however it ends): 16 bytes an entry, cell by cell, so that any range of cells is at hand and memory stays bounded.
/// The file lies in `TMPDIR`, else in /var/tmp, else in /tmp.
final class EntryFile: ElementSource {
    /// One entry as it lies in the file.
    struct Entry {
        var cell: UInt32
        var gene: UInt32
        var value: Double
    }

    let path: String
    private let file: TemporaryFile
    /// Where the entries of each cell begin, and the end of the last.
    private let indptr: [Int]

    init(path: String, file: TemporaryFile, indptr: [Int]) {
        self.path = path
        self.file = file
        self.indptr = indptr
    }

    /// Describes the entries as a compressed sparse matrix. Their paths only say in errors what is meant.
    var parts: CountLayer.SparseParts {
        let count = indptr[indptr.count - 1]
        return CountLayer.SparseParts(
            data: DatasetInfo(path: Self.place, type: .float64, shape: [count]),
            indices: DatasetInfo(path: Self.place, type: .uint32, shape: [count]),
            indptr: DatasetInfo(path: Self.place, type: .int64, shape: [indptr.count]))
    }

    static let place = "cells × features"

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Double]) throws(AnnDataError) {
        values.removeAll(keepingCapacity: true)
        try file.forEach(from: start[0], count: count[0]) { values.append($0.value) }
    }

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Float]) throws(AnnDataError) {
        values.removeAll(keepingCapacity: true)
        try file.forEach(from: start[0], count: count[0]) { values.append(Float($0.value)) }
    }

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Int]) throws(AnnDataError) {
        values.removeAll(keepingCapacity: true)
        if dataset.type == .int64 {
            values += indptr[start[0]..<start[0] + count[0]]
        } else {
            try file.forEach(from: start[0], count: count[0]) { values.append(Int($0.gene)) }
        }
    }

    func readStrings(_ dataset: DatasetInfo, _ range: Range<Int>) throws(AnnDataError) -> [String] {
        throw AnnDataError(.unsupportedEncoding, file: path, path: dataset.path, "\(dataset.path) holds no texts")
    }
}

extension EntryFile {
    /// Reads all entries of a matrix of features × cells.
    ///
    /// Entries that are sorted by cell, as Cell Ranger writes them, are in place as they come; others are sorted
    /// afterwards, in two more passes over the temporary file, with a second one of the same size.
    ///
    /// - Throws: `malformed`, `truncated`, `damaged` of the text; `temporaryStorage` where the disk is full; `stopped`.
    convenience init(
        reading matrix: consuming MatrixMarket, _ progress: (_ done: Int, _ total: Int) -> Bool
    ) throws(AnnDataError) {
        let path = matrix.lines.path
        let total = matrix.entryCount
        let file = try TemporaryFile(path)
        var writer = TemporaryFile.Writer(file)
        // Entries of each cell, then the places of the cells.
        var indptr = [Int](repeating: 0, count: matrix.columnCount + 1)
        var isSorted = true
        var last = 0
        var done = 0
        while let entry = try matrix.next() {
            if entry.column < last { isSorted = false }
            last = entry.column
            indptr[entry.column + 1] += 1
            try writer.append(
                Entry(cell: UInt32(entry.column), gene: UInt32(entry.row), value: entry.value))
            done += 1
            if done & 0xffff == 0 { try Self.check(progress(done, total), path) }
        }
        try writer.flush()
        try Self.check(progress(done, total), path)
        for cell in 0..<matrix.columnCount {
            guard indptr[cell + 1] <= matrix.rowCount else {
                throw AnnDataError(
                    .inconsistent, file: path, path: Self.place, row: cell, "more entries than features",
                    advice: "write the matrix again without repeated entries")
            }
            indptr[cell + 1] += indptr[cell]
        }
        self.init(path: path, file: isSorted ? file : try file.sorted(by: indptr), indptr: indptr)
    }

    private static func check(_ goesOn: Bool, _ path: String) throws(AnnDataError) {
        if !goesOn { throw AnnDataError(.stopped, file: path, "stopped") }
    }
}
