import AnnData
import Testing

@Suite struct CountReaderTests {
    static let files =
        ["csr", "csc", "dense"].flatMap { layout in
            ["float32", "float64", "int32", "int64"].flatMap { type in
                ["plain", "gzip"].map { "\(layout)_\(type)_\($0)" }
            }
        }
        + ["float16", "uint8", "int16", "uint16", "uint32", "uint64", "chunks"].map { "csr_" + $0 }
        + ["dense_chunks", "unsorted", "csr_newest_format", "legacy_categories"]

    @Test("every layout, type and compression gives the same counts, in any order of ranges", arguments: files)
    func layouts(name: String) throws {
        let file = try CellFile(path: Fixture.path(name))
        #expect(file.cellCount == Fixture.cells)
        #expect(file.layerNames == ["X"])
        #expect(try file.holdsWholeNumbers(layer: "X"))
        var batch = CountBatch()
        for slice in [1, 7, 64, CountReader.defaultSlice] {
            var reader = try file.countReader(layer: "X", rule: .counts, entriesAtOnce: slice)
            try reader.read(rows: 0..<23, into: &batch)
            #expect(batch.dictionaries == Fixture.rows(0..<23), "\(slice) entries at once")
        }
        var reader = try file.countReader(layer: "X", rule: .counts)
        for rows in [0..<23, 0..<1, 20..<23, 3..<11, 4..<5, 7..<7, 22..<23] {
            try reader.read(rows: rows, into: &batch)
            #expect(batch.firstRow == rows.lowerBound)
            #expect(batch.rowCount == rows.count)
            #expect(batch.dictionaries == Fixture.rows(rows))
            #expect(batch.isSorted)
        }
    }

    @Test(
        "a matrix by columns is read in blocks of rows as small as the budget asks for", arguments: [0, 60, 200, 4096])
    func columnBlocks(budget: Int) throws {
        let file = try CellFile(path: Fixture.path("csc_float32_gzip"))
        var reader = try file.countReader(layer: "X", rule: .counts, memoryBudget: budget)
        var batch = CountBatch()
        for rows in [0..<7, 7..<23, 2..<4] {
            try reader.read(rows: rows, into: &batch)
            #expect(batch.dictionaries == Fixture.rows(rows))
        }
    }

    @Test("explicit zeros are dropped")
    func explicitZeros() throws {
        var reader = try CellFile(path: Fixture.path("explicit_zeros")).countReader(layer: "X", rule: .counts)
        var batch = CountBatch()
        try reader.read(rows: 0..<Fixture.cells, into: &batch)
        let stored = Fixture.rows(0..<Fixture.cells).reduce(0) { $0 + $1.count }
        #expect(batch.values.count == stored / 2)
        #expect(!batch.values.contains(0))
    }

    @Test(
        "a matrix without cells or without genes is read as such",
        arguments: ["no_cells", "no_genes", "no_genes_dense"])
    func emptyMatrices(name: String) throws {
        let file = try CellFile(path: Fixture.path(name))
        #expect(try file.holdsWholeNumbers(layer: "X"))
        var reader = try file.countReader(layer: "X", rule: .counts)
        var batch = CountBatch()
        try reader.read(rows: 0..<file.cellCount, into: &batch)
        #expect(batch.rowCount == file.cellCount)
        #expect(batch.values.isEmpty)
        #expect(file.cellCount == (name == "no_cells" ? 0 : Fixture.cells))
        #expect(file.`var`.count == (name == "no_cells" ? Fixture.genes : 0))
    }

    @Test("layers and raw/X are read with their own genes, X with fractions by the rule normalized")
    func layers() throws {
        let file = try CellFile(path: Fixture.path("frames"))
        #expect(file.layerNames == ["X", "layers/counts", "layers/dense", "raw/X"])
        var batch = CountBatch()
        for layer in ["layers/counts", "counts", "dense"] {
            #expect(try file.holdsWholeNumbers(layer: layer))
            var reader = try file.countReader(layer: layer, rule: .counts)
            try reader.read(rows: 0..<Fixture.cells, into: &batch)
            #expect(batch.dictionaries == Fixture.rows(0..<Fixture.cells))
        }
        let raw = try file.genes(of: "raw/X")
        #expect(raw.count == Fixture.genes + 2)
        #expect(try raw.names(0..<2) == ["raw0", "raw1"])
        var reader = try file.countReader(layer: "raw/X", rule: .counts)
        try reader.read(rows: 0..<Fixture.cells, into: &batch)
        #expect(batch.dictionaries == Fixture.rows(0..<Fixture.cells, genes: Fixture.genes + 2))

        #expect(try !file.holdsWholeNumbers(layer: "X"))
        var halves = try file.countReader(layer: "X", rule: .normalized)
        try halves.read(rows: 0..<Fixture.cells, into: &batch)
        #expect(batch.dictionaries == Fixture.rows(0..<Fixture.cells).map { $0.mapValues { $0 / 2 } })
        let error = thrown { () throws(AnnDataError) in
            var whole = try file.countReader(layer: "X", rule: .counts)
            try whole.read(rows: 0..<Fixture.cells, into: &batch)
        }
        #expect(error?.code == .fractionalCount)

        let missing = thrown { () throws(AnnDataError) in _ = try file.layer("count") }
        #expect(missing?.code == .noSuchElement)
        #expect(missing?.description.contains("layers/counts") == true)
    }

    /// The stored entry 20, where most defects are, is this cell and gene.
    static let defectRow: Int = {
        var entry = 0
        for cell in 0..<Fixture.cells {
            entry += Fixture.rows(cell..<cell + 1)[0].count
            if entry > 20 { return cell }
        }
        return -1
    }()

    @Test(
        "a forbidden value is an error that names the place and the value",
        arguments: [
            ("bad_negative", AnnDataError.Code.negativeCount, -1.0), ("bad_fractional", .fractionalCount, 1.5),
            ("bad_nan", .notANumber, .nan), ("bad_infinite", .infiniteValue, .infinity),
            ("bad_huge", .countTooLarge, 9_007_199_254_740_992),
        ])
    func values(name: String, code: AnnDataError.Code, value: Double) throws {
        let error = try #require(read(name))
        #expect(error.code == code)
        #expect(error.path == "X/data")
        #expect(error.row == Self.defectRow)
        #expect(error.column != nil)
        #expect(error.value == value || value.isNaN && error.value?.isNaN == true)
        #expect(error.description.contains("X/data, row \(Self.defectRow), column"))
        #expect(error.description.contains("): raw counts are needed"))
        #expect(read(name, .normalized)?.code == (["bad_fractional", "bad_huge"].contains(name) ? nil : code))
    }

    @Test("forbidden values of dense matrices and matrices by columns are found as well")
    func valuesElsewhere() throws {
        let dense = try #require(read("bad_dense_negative"))
        #expect(dense.code == .negativeCount && dense.row == 7 && dense.column == 3 && dense.value == -4)
        let columns = try #require(read("bad_csc_negative"))
        #expect(columns.code == .negativeCount && columns.value == -2)
        let row = try #require(columns.row)
        let column = try #require(columns.column)
        #expect(Fixture.count(row, column) > 0)
        let index = try #require(read("bad_csc_index"))
        #expect(index.code == .inconsistent && index.path == "X/indices" && index.value == Double(Fixture.cells))
    }

    @Test(
        "arrays that contradict one another are an error that names the array",
        arguments: [
            ("bad_indptr_start", "X/indptr", 0), ("bad_indptr_end", "X/indptr", Fixture.cells),
            ("bad_indptr_descends", "X/indptr", 10), ("bad_indptr_beyond", "X/indptr", 10),
            ("bad_indptr_length", "X/indptr", nil), ("bad_index_negative", "X/indices", defectRow),
            ("bad_index_beyond", "X/indices", defectRow), ("bad_duplicate", "X", 0), ("bad_data_length", "X", nil),
            ("bad_shape", "X", nil),
        ] as [(String, String, Int?)])
    func structure(name: String, path: String, row: Int?) throws {
        let error = try #require(read(name))
        #expect(error.code == .inconsistent)
        #expect(error.path == path)
        #expect(error.row == row)
        #expect(error.file == Fixture.path(name))
    }

    @Test(
        "what is missing, of another type, endless or in another file is an error",
        arguments: [
            ("bad_no_indices", AnnDataError.Code.noSuchElement), ("bad_text_matrix", .unsupportedEncoding),
            ("bad_endless", .inconsistent), ("bad_large_chunk", .tooLarge), ("bad_external_link", .damaged),
            ("bad_soft_link", .noSuchElement), ("bad_filter", .unsupportedEncoding),
        ])
    func refused(name: String, code: AnnDataError.Code) throws {
        let error = try #require(read(name))
        #expect(error.code == code, "\(error)")
        #expect(error.path?.hasPrefix("X/") == true)
    }

    private func read(_ name: String, _ rule: CountRule = .counts) -> AnnDataError? {
        thrown { () throws(AnnDataError) in
            var reader = try CellFile(path: Fixture.path(name)).countReader(layer: "X", rule: rule)
            var batch = CountBatch()
            try reader.read(rows: 0..<Fixture.cells, into: &batch)
        }
    }
}
