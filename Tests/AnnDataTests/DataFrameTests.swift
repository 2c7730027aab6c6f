import AnnData
import Testing

@Suite struct DataFrameTests {
    static let n = Fixture.cells

    private func column(_ name: String, _ file: String = "frames") throws -> Column {
        try CellFile(path: Fixture.path(file)).obs.column(named: name)
    }

    @Test("obs and var list their rows and columns in the file's order")
    func listing() throws {
        let file = try CellFile(path: Fixture.path("frames"))
        #expect(file.obs.count == Self.n)
        #expect(
            file.obs.columnNames == [
                "category", "ordered", "number_category", "flag_category", "text", "float", "integer", "small", "flag",
                "nullable_integer", "nullable_flag", "nullable_text", "with a blank",
            ])
        #expect(try file.obs.names(0..<Self.n) == (0..<Self.n).map { "cell\($0)" })
        #expect(try file.obs.names(5..<7) == ["cell5", "cell6"])
        #expect(file.`var`.columnNames == ["ensembl_id"])
        #expect(try file.`var`.column(named: "ensembl_id").readTexts(rows: 0..<1) == ["ENSG00000000000"])
    }

    @Test("categories keep their codes, names and order; names that are numbers or booleans become texts")
    func categories() throws {
        let codes = (0..<Self.n).map { Int32($0 % 7 == 3 ? -1 : [1, 0, 2][$0 % 3]) }
        #expect(
            try column("category").read(rows: 0..<Self.n)
                == .categories(codes: codes, names: ["a", "b", "cé"], ordered: false))
        #expect(
            try column("category").read(rows: 3..<6)
                == .categories(codes: Array(codes[3..<6]), names: ["a", "b", "cé"], ordered: false))
        #expect(
            try column("ordered").read(rows: 0..<3)
                == .categories(codes: [0, 1, 0], names: ["low", "high"], ordered: true))
        #expect(try column("number_category").readTexts(rows: 0..<3) == ["10", "20", "10"])
        #expect(try column("flag_category").readTexts(rows: 0..<2) == ["True", "False"])
    }

    @Test("texts, numbers, integers and booleans are read, whole and in part")
    func plain() throws {
        for file in ["frames", "frames_fixed"] {
            #expect(
                try column("text", file).read(rows: 0..<Self.n)
                    == .strings((0..<Self.n).map { $0 == 5 ? "" : "text \($0)" }))
        }
        #expect(try column("text").read(rows: 6..<8) == .strings(["text 6", "text 7"]))
        for (name, file) in [("float", "frames"), ("per/cell", "frames_fixed")] {
            guard case .numbers(let numbers) = try column(name, file).read(rows: 0..<Self.n) else {
                Issue.record("no numbers")
                return
            }
            #expect(numbers[2].isNaN)
            #expect(numbers.enumerated().allSatisfy { $0.offset == 2 || $0.element == Double($0.offset) / 4 })
        }
        #expect(
            try column("integer").read(rows: 0..<Self.n)
                == .integers((0..<Self.n).map { Int64($0) * 1_000_000_000_000 }))
        #expect(try column("small").read(rows: 21..<23) == .integers([21, 22]))
        #expect(try column("flag").read(rows: 0..<4) == .booleans([true, false, false, true]))
        #expect(try column("with a blank").read(rows: 1..<3) == .numbers([0.5, 1]))
    }

    @Test("nullable columns tell missing values apart")
    func nullable() throws {
        #expect(try column("nullable_integer").read(rows: 0..<4) == .integers([-3, nil, -1, 0]))
        #expect(try column("nullable_flag").read(rows: 0..<4) == .booleans([true, nil, true, false]))
        #expect(try column("nullable_text").read(rows: 0..<3) == .strings(["t0", nil, "t2"]))
        #expect(try column("nullable_text").encoding == "nullable-string-array")
    }

    @Test("an index of nullable texts, as pandas 3 writes it, is an index")
    func nullableIndex() throws {
        let file = try CellFile(path: Fixture.path("frames_nullable_index"))
        #expect(file.obs.index.encoding == "nullable-string-array")
        #expect(try file.obs.names(0..<2) == ["cell0", "cell1"])
    }

    @Test("categories beside the column, as anndata 0.7 wrote them, are found")
    func legacy() throws {
        #expect(
            try column("kind", "legacy_categories").read(rows: 0..<3)
                == .categories(codes: [-1, 1, 0], names: ["x", "y"], ordered: false))
    }

    @Test("a column of an unknown encoding is listed, and an error only when it is read")
    func unknownEncoding() throws {
        let column = try column("category", "frames_fixed")
        #expect(column.kind == .unsupported)
        #expect(column.encoding == "from-the-future")
        let error = thrown { () throws(AnnDataError) in _ = try column.read(rows: 0..<1) }
        #expect(error?.code == .unsupportedEncoding)
        #expect(error?.path == "obs/category")
    }

    @Test("a column that is not there is an error that names the nearest ones")
    func missingColumn() throws {
        let obs = try CellFile(path: Fixture.path("frames")).obs
        for (name, near) in [("Flaot", "float"), ("categry", "category"), ("nullable text", "nullable_text")] {
            let error = thrown { () throws(AnnDataError) in _ = try obs.column(named: name) }
            #expect(error?.code == .noSuchElement)
            #expect(error?.advice?.contains("did you mean \(near)") == true, "\(error?.description ?? "")")
        }
    }

    @Test("a code without a category and a column of another length are errors")
    func inconsistent() throws {
        let code = thrown { () throws(AnnDataError) in
            _ = try CellFile(path: Fixture.path("bad_code")).obs.column(named: "kind").read(rows: 1..<9)
        }
        #expect(code?.code == .inconsistent && code?.row == 3 && code?.value == 2)
        let short = thrown { () throws(AnnDataError) in
            _ = try CellFile(path: Fixture.path("bad_column_length")).obs.column(named: "short")
        }
        #expect(short?.code == .inconsistent && short?.path == "obs/short")
    }

    @Test("a dense matrix of obsm is read by rows")
    func embeddings() throws {
        let file = try CellFile(path: Fixture.path("frames"))
        #expect(file.obsmKeys == ["X_pca"])
        let matrix = try file.embedding("X_pca")
        #expect(matrix.rowCount == Self.n && matrix.dimension == 3)
        var values: [Float] = []
        try matrix.read(rows: 4..<6, into: &values)
        #expect(values == [4, 4.125, 4.25, 5, 5.125, 5.25])
        let error = thrown { () throws(AnnDataError) in _ = try file.embedding("pca") }
        #expect(error?.code == .noSuchElement && error?.description.contains("X_pca") == true)
    }
}
