extension CellFile {
    /// Reads the three files of a matrix in text, the matrix into a temporary file (see `EntryFile`).
    init(
        _ path: String, _ folder: MatrixFolder, _ progress: (_ done: Int, _ total: Int) -> Bool
    ) throws(AnnDataError) {
        let matrix = try MatrixMarket(folder.matrix)
        let cells = try DataFrame(barcodes: folder.barcodes, count: matrix.columnCount, of: matrix)
        let features = try DataFrame(features: folder.features, count: matrix.rowCount, of: matrix)
        let genes = try features.keepingGenes(isTenX: true)
        let entries = try EntryFile(reading: matrix, progress)
        self.init(
            path: path, contentPaths: [folder.matrix, folder.barcodes, folder.features], obs: cells, genes: genes,
            matrices: [("X", .compressed(entries, path: EntryFile.place, entries.parts))])
    }
}

extension DataFrame {
    /// Cells by their barcodes, one a line; what follows a tab is not read.
    fileprivate init(barcodes path: String, count: Int, of matrix: borrowing MatrixMarket) throws(AnnDataError) {
        var texts = [PackedTexts(path: path)]
        try Self.readTable(path, count: count, "barcodes", "columns", of: matrix, &texts)
        let index = Column(texts[0], name: "barcodes", texts[0].dataset("barcodes"))
        self.init(path: "barcodes", count: count, index: index, columns: [], warnings: [])
    }

    /// Features, one a line: id, name, type, and what is not read; or id and name; or a name alone.
    fileprivate init(features path: String, count: Int, of matrix: borrowing MatrixMarket) throws(AnnDataError) {
        var texts = [PackedTexts(path: path), PackedTexts(path: path), PackedTexts(path: path)]
        let width = try Self.readTable(path, count: count, "features", "rows", of: matrix, &texts)
        func column(_ number: Int, _ name: String) -> Column {
            Column(texts[number], name: name, texts[number].dataset(name))
        }
        var columns: [Column] = []
        if width > 1 { columns.append(column(0, "gene_ids")) }
        if width > 2 { columns.append(column(2, "feature_types")) }
        let index = column(width > 1 ? 1 : 0, "gene_symbols")
        self.init(path: "features", count: count, index: index, columns: columns, warnings: [])
    }

    /// Reads the first columns of a tab-separated table without a header, as many as there are `texts` and the first
    /// line has.
    ///
    /// - Returns: the number of columns that were read.
    @discardableResult
    private static func readTable(
        _ path: String, count: Int, _ what: String, _ side: String, of matrix: borrowing MatrixMarket,
        _ texts: inout [PackedTexts]
    ) throws(AnnDataError) -> Int {
        var lines = try TextLines(path)
        var width = 0
        var emptyLine: AnnDataError?
        while try lines.next() {
            if lines.line.isEmpty {
                if emptyLine == nil { emptyLine = lines.error("an empty line among the \(what)") }
                continue
            }
            if let emptyLine { throw emptyLine }
            guard texts[0].count < count else {
                // How many there are says more than that there are more.
                var total = texts[0].count + 1
                while try lines.next() { total += lines.line.isEmpty ? 0 : 1 }
                throw Self.wrongCount(path, total, count, what, side, of: matrix)
            }
            let fields = lines.buffer[lines.line].split(
                separator: 9, maxSplits: texts.count, omittingEmptySubsequences: false)
            if width == 0 { width = min(fields.count, texts.count) }
            guard fields.count >= width else {
                throw lines.error("the line has \(fields.count) columns, the first one \(width)")
            }
            for column in 0..<width { texts[column].append(fields[column]) }
        }
        guard texts[0].count == count else {
            throw Self.wrongCount(path, texts[0].count, count, what, side, of: matrix)
        }
        return max(1, width)
    }

    private static func wrongCount(
        _ path: String, _ found: Int, _ expected: Int, _ what: String, _ side: String,
        of matrix: borrowing MatrixMarket
    ) -> AnnDataError {
        let isTransposed = found == (side == "rows" ? matrix.columnCount : matrix.rowCount)
        let advice =
            isTransposed
            ? "the matrix looks transposed: write it as features × cells"
            : found == expected + 1
                ? "remove the first line if it is a header" : "take all three files from the same output"
        return AnnDataError(
            .inconsistent, file: path,
            "there are \(grouped(found)) \(what), but \(matrix.lines.path) has \(grouped(expected)) \(side)",
            advice: advice)
    }
}
