import AnnData
import Foundation
import TestSupport
import Testing

/// The files that Tools/make_cell_file_fixtures.py wrote.
private func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/Formats/\(name)").path
}

@Suite struct CellFileFormatTests {
    static let names = (0..<Fixture.genes).map { "gene\($0)" }
    static let ids = (0..<Fixture.genes).map { gene in
        "ENSG" + String(repeating: "0", count: 11 - "\(gene)".count) + "\(gene)"
    }
    /// Files with features that are no genes.
    static let withAntibodies: Set = ["tenx_v3.h5", "mtx_v3", "mtx_geo", "mtx_by_gene", "mtx_wide"]

    @Test(
        "the same cells in every format give the same counts, cells and genes, in any order of ranges",
        arguments: [
            "tenx_v3.h5", "tenx_v2.h5", "cells.loom", "whole.loom", "mtx_v3", "mtx_v2", "mtx_geo",
            "mtx_geo/GSM123_matrix.mtx.gz", "mtx_two/GSM456_matrix.mtx.gz", "mtx_by_gene", "mtx_shuffled", "mtx_crlf",
            "mtx_names", "mtx_wide", "starsolo/UniqueAndMult-EM.mtx",
        ])
    func formats(name: String) throws {
        let file = try CellFile(path: fixture(name))
        #expect(file.cellCount == Fixture.cells)
        #expect(try file.obs.names(0..<file.cellCount) == (0..<Fixture.cells).map { "cell\($0)" })
        #expect(try file.obs.names(5..<7) == ["cell5", "cell6"])
        let genes = try file.genes(of: "X")
        #expect(genes.count == Fixture.genes)
        #expect(try genes.names(0..<genes.count) == Self.names)
        #expect(try genes.names(3..<5) == ["gene3", "gene4"])
        if let ids = ["gene_ids", "Accession"].first(where: genes.columnNames.contains) {
            #expect(try genes.column(named: ids).readTexts(rows: 0..<genes.count) == Self.ids)
        } else {
            #expect(name == "mtx_names")
        }
        #expect(
            genes.warnings
                == (Self.withAntibodies.contains(name) || name.contains("_matrix")
                    ? ["2 of 19 features are no genes (Antibody Capture) and are left out"] : []))
        #expect(file.layerNames.first == "X")
        #expect(try file.holdsWholeNumbers(layer: "X"))
        var batch = CountBatch()
        for slice in [1, 7, CountReader.defaultSlice] {
            var reader = try file.countReader(layer: "X", rule: .counts, entriesAtOnce: slice)
            for rows in [0..<23, 0..<1, 20..<23, 3..<11, 4..<5, 7..<7, 22..<23] {
                try reader.read(rows: rows, into: &batch)
                #expect(batch.dictionaries == Fixture.rows(rows), "\(slice), \(rows)")
                #expect(batch.isSorted)
            }
        }
    }

    @Test("a loom's layers and attributes are read; what has two dimensions is left out with a warning")
    func loom() throws {
        let file = try CellFile(path: fixture("cells.loom"))
        #expect(file.layerNames == ["X", "layers/spliced"])
        #expect(file.obs.columnNames == ["Age", "Batch"])
        #expect(file.obs.warnings == ["col_attrs/Embedding has the shape [23, 2], not [23], and is left out"])
        #expect(try file.obs.column(named: "Age").read(rows: 1..<3) == .numbers([0.5, 1]))
        #expect(try file.obs.column(named: "Batch").read(rows: 1..<3) == .integers([1, 2]))
        var batch = CountBatch()
        for budget in [0, 300, 1 << 20] {
            var reader = try file.countReader(layer: "spliced", rule: .counts, memoryBudget: budget)
            try reader.read(rows: 2..<20, into: &batch)
            #expect(batch.dictionaries == Fixture.rows(2..<20).map { $0.mapValues { $0 * 2 } })
        }
        let nameless = try CellFile(path: fixture("nameless.loom"))
        let error = thrown { () throws(AnnDataError) in _ = try nameless.obs.names(0..<1) }
        #expect(error?.code == .noSuchElement)
        #expect(error?.advice?.contains("--cell-column (there is Age, Batch, Name)") == true)
        #expect(try nameless.obs.column(named: "Name").readTexts(rows: 0..<1) == ["cell0"])
    }

    @Test("tables, as anndata wrote them before 0.7, are read as frames, matrices and embeddings")
    func tables() throws {
        let file = try CellFile(path: fixture("tables.h5ad"))
        #expect(try file.obs.names(0..<3) == ["cell0", "cell1", "cell2"])
        #expect(file.obs.columnNames == ["kind", "cluster", "number", "flag", "text"])
        #expect(file.obs.warnings == ["obs column pair has 2 dimensions and is left out"])
        #expect(
            try file.obs.column(named: "kind").read(rows: 0..<3)
                == .categories(codes: [-1, 1, 0], names: ["x", "y"], ordered: false))
        #expect(try file.obs.column(named: "cluster").read(rows: 21..<23) == .integers([21, 22]))
        #expect(try file.obs.column(named: "number").read(rows: 1..<3) == .numbers([0.25, 0.5]))
        #expect(try file.obs.column(named: "flag").read(rows: 2..<5) == .booleans([false, true, false]))
        #expect(try file.obs.column(named: "text").read(rows: 2..<4) == .strings(["t2", "t3"]))
        #expect(try file.`var`.column(named: "gene_ids").readTexts(rows: 0..<Fixture.genes) == Self.ids)
        #expect(file.obsmKeys == ["X_pca", "X_umap"])
        let matrix = try file.embedding("X_pca")
        #expect(matrix.rowCount == Fixture.cells && matrix.dimension == 3)
        var values: [Float] = []
        try matrix.read(rows: 4..<6, into: &values)
        #expect(values == [4, 4.125, 4.25, 5, 5.125, 5.25])

        #expect(file.layerNames == ["X", "raw/X"])
        #expect(try !file.holdsWholeNumbers(layer: "X"))
        #expect(try file.holdsWholeNumbers(layer: "raw/X"))
        #expect(try file.genes(of: "raw/X").names(0..<2) == ["gene0", "gene1"])
        var batch = CountBatch()
        var reader = try file.countReader(layer: "raw/X", rule: .counts)
        try reader.read(rows: 0..<Fixture.cells, into: &batch)
        #expect(batch.dictionaries == Fixture.rows(0..<Fixture.cells))
    }

    @Test("what h5py compressed by lzf is read")
    func lzf() throws {
        let obs = try CellFile(path: fixture("lzf.h5ad")).obs
        #expect(try obs.names(4998..<5000) == ["obs4998", "obs4999"])
        func read(_ name: String) throws -> [Double] {
            switch try obs.column(named: name).read(rows: 0..<5000) {
            case .integers(let values): values.map { Double($0 ?? -1) }
            case .numbers(let values): values
            default: []
            }
        }
        #expect(try read("zeros") == Array(repeating: 0, count: 5000))
        #expect(try read("ramp") == (0..<5000).map { Double($0 / 7) })
        let repeats = try read("repeats")
        #expect(repeats.count == 5000 && repeats.indices.allSatisfy { repeats[$0] == repeats[$0 % 250] })
        #expect(Set(repeats).count > 100)
        #expect(Set(try read("noise")).count > 200)
        let sparse = try read("sparse")
        #expect(sparse.count { $0 != 0 } > 150 && sparse.allSatisfy { $0 >= 0 && $0 < 1 })
    }

    @Test(
        "a text matrix that is not what its format says is an error with the line, soon",
        arguments: [
            ("bad_count_more", AnnDataError.Code.malformed, "more entries than the header says"),
            ("bad_count_less", .truncated, "the file ends after"), ("bad_word", .malformed, "line 8"),
            ("bad_fraction", .malformed, "no whole number"), ("bad_index", .malformed, "row 18, column 1 is outside"),
            ("bad_zero", .malformed, "row 0, column 1 is outside"),
            ("bad_absurd", .inconsistent, "2,000,000,000 columns"),
            ("bad_many", .malformed, "more than the file can hold"), ("bad_array", .malformed, "array integer general"),
            ("bad_entries", .truncated, "its header says 391"),
            ("bad_barcodes", .inconsistent, "22 barcodes"), ("bad_header", .inconsistent, "first line"),
            ("bad_empty_line", .malformed, "barcodes.tsv.gz, line 6"), ("bad_columns", .malformed, "columns"),
            ("bad_cut", .truncated, "gzip"), ("bad_transposed", .inconsistent, "transposed"),
            ("bad_bomb", .malformed, "empty lines"), ("bad_negative", .negativeCount, "value -2"),
            ("bad_twice", .inconsistent, "two entries"), ("bad_tenx_no_ids.h5", .notAnnData, "without id"),
            ("bad_tenx_barcodes.h5", .inconsistent, "22 barcodes"), ("bad_tenx_peaks.h5", .noSuchElement, "Peaks"),
            ("tenx_v2_two.h5", .unsupportedFormat, "GRCh38, mm10"),
            ("mtx_two", .unsupportedFormat, "GSM123_matrix.mtx.gz, GSM456_matrix.mtx.gz"),
            ("alone", .notFound, "barcodes.tsv"), ("outs", .isDirectory, "filtered_feature_bc_matrix"),
        ])
    func defects(name: String, code: AnnDataError.Code, text: String) throws {
        let error = thrown { () throws(AnnDataError) in
            let file = try CellFile(path: fixture(name))
            var reader = try file.countReader(layer: "X", rule: .counts)
            var batch = CountBatch()
            try reader.read(rows: 0..<file.cellCount, into: &batch)
        }
        #expect(error?.code == code, "\(error?.description ?? "no error")")
        #expect(error?.description.contains(text) == true, "\(error?.description ?? "no error")")
    }

    @Test("a matrix of text is stopped when the caller says so")
    func stopped() throws {
        var calls = 0
        let error = thrown { () throws(AnnDataError) in
            _ = try CellFile(path: fixture("mtx_v3")) { done, total in
                calls += 1
                return done < total
            }
        }
        #expect(calls == 1)
        #expect(error?.code == .stopped)
    }

    @Test("what macOS leaves beside the files of a folder is no second matrix")
    func hiddenFiles() throws {
        let folder = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: fixture("mtx_v3")) {
            try FileManager.default.copyItem(atPath: fixture("mtx_v3") + "/" + name, toPath: folder.file(name))
            try Data([0, 5, 0x16, 7]).write(to: URL(fileURLWithPath: folder.file("._" + name)))
        }
        #expect(try CellFile(path: folder.path).cellCount == Fixture.cells)
    }

    @Test("formats that are not read are refused by name, with what to do")
    func refused() throws {
        let folder = try TemporaryFolder()
        func put(_ name: String, _ bytes: [UInt8]) throws -> String {
            let path = folder.file(name)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return path
        }
        try FileManager.default.createDirectory(
            atPath: folder.file("cells.zarr"), withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: folder.file("store"), withIntermediateDirectories: false)
        _ = try put("store/zarr.json", Array("{}".utf8))
        var tar = [UInt8](repeating: 0, count: 1024)
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        let cases: [(path: String, text: String)] = [
            (folder.file("cells.zarr"), "zarr is not supported"), (folder.file("store"), "zarr is not supported"),
            (try put("cells.zarr.zip", Array("PK\u{3}\u{4}".utf8)), "zarr is not supported"),
            (try put("cells.rds", [0x1f, 0x8b, 8, 0]), "an R object"),
            (try put("image", Array("RDX3\nX\n".utf8)), "an R object"),
            (try put("counts.csv", Array("gene,cell\nA,1\n".utf8)), "text, which is not read"),
            (try put("counts", Array("gene\tcell\nA\t1\n".utf8)), "text, which is not read"),
            (try put("bundle.tar", tar), "a tar archive"),
            (try put("sheet.xlsx", Array("PK\u{3}\u{4}".utf8)), "a spreadsheet"),
            (try put("reads.fastq.gz", Array("@read\n".utf8)), "a file of reads"),
        ]
        for (path, text) in cases {
            let error = thrown { () throws(AnnDataError) in _ = try CellFile(path: path) }
            #expect(error?.code == .unsupportedFormat, "\(path): \(error?.description ?? "no error")")
            #expect(error?.detail.contains(text) == true, "\(path): \(error?.description ?? "no error")")
            #expect(error?.advice != nil)
        }
    }
}

@Suite struct SharedFormatTests {
    @Test(
        "real cells as .h5ad and as 10x mtx folder have the same genes and counts",
        .enabled(if: SharedData.has("data/citeseq_eccite_pbmc/10x_mtx"), "skipped: ../shared/data is not there"))
    func citeseq() throws {
        let folder = SharedData.path("data/citeseq_eccite_pbmc")
        let files = [
            try CellFile(path: folder + "/eccite_pbmc_500.h5ad"), try CellFile(path: folder + "/10x_mtx"),
        ]
        #expect(
            files[1].var.warnings == ["49 of 19,570 features are no genes (Antibody Capture) and are left out"])
        let symbols = [
            try files[0].var.column(named: "gene_symbol").readTexts(rows: 0..<19521),
            try files[1].var.index.readTexts(rows: 0..<19521),
        ]
        #expect(symbols[0] == symbols[1])
        #expect(try files[0].obs.names(0..<500) == files[1].obs.names(0..<500))
        var batches = [CountBatch(), CountBatch()]
        for (number, file) in files.enumerated() {
            var reader = try file.countReader(layer: "X", rule: .counts)
            try reader.read(rows: 0..<500, into: &batches[number])
        }
        #expect(batches[0].indptr == batches[1].indptr)
        #expect(batches[0].indices == batches[1].indices)
        #expect(batches[0].values == batches[1].values)
        #expect(batches[0].values.count == 663_563)
    }
}
