import AnnData
import Foundation
import TestSupport
import Testing

/// New files, read back by the reader. Tools/check-anndata reads them with Python's anndata.
@Suite struct H5ADWriterTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("new.h5ad")
    }

    private static let ids = ["AAAC-1", "Zelle ü", "細胞"]

    private func written(_ values: ColumnValues, ids: [String] = ids) throws -> Column {
        try H5ADWriter.create(
            at: path, cellIDs: ids, columns: [NewColumn(name: "column", values: values)], matrices: [])
        return try CellFile(path: path).obs.column(named: "column")
    }

    @Test(
        "every kind of column comes back as it was, missing values too",
        arguments: [
            .categories(codes: [1, -1, 0], names: ["b", "a", "unused é"], ordered: false),
            .categories(codes: [0, 0, 1], names: ["low", "high"], ordered: true),
            .categories(codes: [-1, -1, -1], names: [], ordered: false),
            .strings(["", "tab\tand\nline", "é e\u{301} 🧬"]),
            .integers([.max, .min, 0]), .integers([1, nil, -3]), .integers([nil, nil, nil]),
            .numbers([0.1, -.infinity, .leastNonzeroMagnitude]),
            .booleans([true, false, true]), .booleans([nil, false, true]),
        ] as [ColumnValues])
    func columns(_ values: ColumnValues) throws {
        #expect(try written(values).read(rows: 0..<3) == values)
    }

    @Test("the encodings are those that every anndata since 0.8 reads")
    func encodings() throws {
        #expect(try written(.integers([1, 2, 3])).encoding == "array")
        #expect(try written(.integers([1, nil, 3])).encoding == "nullable-integer")
        #expect(try written(.booleans([nil, true, false])).encoding == "nullable-boolean")
        #expect(try written(.strings(["x", "y", "x"])).encoding == "string-array")
        // nullable-string-array came with 0.11.
        let texts = try written(.strings(["x", nil, "a"]))
        #expect(texts.encoding == "categorical")
        #expect(try texts.read(rows: 0..<3) == .categories(codes: [1, -1, 0], names: ["a", "x"], ordered: false))
        // Two texts that Swift takes for equal are two to HDF5.
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        guard case .categories(let codes, let names, _) = ColumnValues.categories(of: [composed, nil, decomposed])
        else {
            Issue.record("no categories")
            return
        }
        #expect(codes == [1, -1, 0] && names.map { Array($0.utf8) } == [Array(decomposed.utf8), Array(composed.utf8)])
        guard case .numbers(let numbers) = try written(.numbers([1, .nan, 3])).read(rows: 0..<3) else {
            Issue.record("no numbers")
            return
        }
        #expect(numbers[1].isNaN && numbers[2] == 3)
    }

    @Test("cell ids, order of columns and a matrix of obsm are kept; there is no X and no gene")
    func whole() throws {
        let values: [Float] = [1, -0.0, .nan, .leastNonzeroMagnitude, .infinity, 6]
        let renamed = try H5ADWriter.create(
            at: path, cellIDs: Self.ids,
            columns: [
                NewColumn(name: "z", values: .integers([1, 2, 3])),
                NewColumn(name: "a b", values: .numbers([1, 2, 3])),
            ],
            matrices: [
                NewMatrix(name: "X_embdb", dimension: 2) { Array(values[$0.lowerBound * 2..<$0.upperBound * 2]) }
            ])
        #expect(renamed.isEmpty)
        let file = try CellFile(path: path)
        #expect(try file.obs.names(0..<3) == Self.ids)
        #expect(file.obs.columnNames == ["z", "a b"])
        #expect(file.`var`.count == 0 && file.`var`.columnNames.isEmpty)
        #expect(file.layerNames.isEmpty)
        #expect(file.obsmKeys == ["X_embdb"])
        var read: [Float] = []
        try file.embedding("X_embdb").read(rows: 0..<3, into: &read)
        #expect(read.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test("no cells, no columns, a matrix without columns")
    func empty() throws {
        try H5ADWriter.create(
            at: path, cellIDs: [], columns: [NewColumn(name: "column", values: .strings([]))],
            matrices: [NewMatrix(name: "X_e", dimension: 4) { _ in [] }])
        let none = try CellFile(path: path)
        #expect(none.cellCount == 0 && none.obs.columnNames == ["column"])
        #expect(try none.embedding("X_e").dimension == 4)
        try H5ADWriter.create(
            at: path, cellIDs: Self.ids, columns: [], matrices: [NewMatrix(name: "X_e", dimension: 0) { _ in [] }])
        let bare = try CellFile(path: path)
        #expect(bare.cellCount == 3 && bare.obs.columnNames.isEmpty)
        #expect(try bare.embedding("X_e").dimension == 0)
    }

    @Test("large columns, long texts and wide matrices go through in slabs; two runs give the same bytes")
    func large() throws {
        let count = 300_000
        let ids = (0..<count).map { "cell \($0)" }
        let names = (0..<40_000).map { "name \($0)" }
        var texts = (0..<count).map { $0 % 3 == 0 ? "" : "text \($0)" }
        texts[7] = String(repeating: "long ü ", count: 1_500_000)
        texts[8] = String(repeating: "x", count: 3_000_000)
        let columns = [
            NewColumn(
                name: "codes",
                values: .categories(
                    codes: (0..<count).map { Int32($0 % 40_001) - 1 }, names: names, ordered: false)),
            NewColumn(name: "texts", values: .strings(texts)),
            NewColumn(name: "numbers", values: .numbers((0..<count).map { Double($0) / 7 })),
            NewColumn(name: "integers", values: .integers((0..<count).map { $0 % 11 == 0 ? nil : Int64($0) << 20 })),
        ]
        func value(_ row: Int, _ column: Int) -> Float { Float(row) + Float(column) / 128 }
        var asked: [Range<Int>] = []
        func matrix() -> NewMatrix {
            asked = []
            return NewMatrix(name: "X_e", dimension: 33) { rows in
                asked.append(rows)
                return rows.flatMap { row in (0..<33).map { value(row, $0) } }
            }
        }
        try H5ADWriter.create(at: path, cellIDs: ids, columns: columns, matrices: [matrix()])
        #expect(asked.count > 3 && asked.allSatisfy { $0.count * 33 * 4 <= 9 << 20 })
        #expect(asked.first?.lowerBound == 0 && asked.last?.upperBound == count)
        #expect(zip(asked, asked.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })

        let file = try CellFile(path: path)
        #expect(try file.obs.names(0..<count) == ids)
        for column in columns {
            #expect(try file.obs.column(named: column.name).read(rows: 0..<count) == column.values)
        }
        var read: [Float] = []
        try file.embedding("X_e").read(rows: 299_000..<count, into: &read)
        #expect(read == (299_000..<count).flatMap { row in (0..<33).map { value(row, $0) } })

        let again = folder.file("again.h5ad")
        try H5ADWriter.create(at: again, cellIDs: ids, columns: columns, matrices: [matrix()])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: again)))
    }

    @Test("a row wider than a slab is written in parts")
    func wide() throws {
        let width = 2_500_001
        try H5ADWriter.create(
            at: path, cellIDs: ["a", "b"], columns: [],
            matrices: [
                NewMatrix(name: "X_wide", dimension: width) { rows in
                    rows.flatMap { row in (0..<width).map { Float($0 * 2 + row) } }
                }
            ])
        var read: [Float] = []
        try CellFile(path: path).embedding("X_wide").read(rows: 0..<2, into: &read)
        #expect(read == (0..<2).flatMap { row in (0..<width).map { Float($0 * 2 + row) } })
    }

    @Test("names that HDF5 or anndata cannot hold are changed and reported; impossible ones refused")
    func names() throws {
        let values = ColumnValues.integers([1, 2, 3])
        let renamed = try H5ADWriter.create(
            at: path, cellIDs: Self.ids,
            columns: ["a_b", "a/b", "_index", "__categories", "..", "e\u{301}", "é"].map {
                NewColumn(name: $0, values: values)
            }, matrices: [NewMatrix(name: "X/e", dimension: 1) { $0.map { Float($0) } }])
        #expect(
            renamed.map { "\($0.name) \($0.stored)" } == [
                "a/b a_b_", "_index _index_", "__categories __categories_", "é é_", "X/e X_e",
            ])
        #expect(
            try CellFile(path: path).obs.columnNames == [
                "a_b", "a_b_", "_index_", "__categories_", "..", "e\u{301}", "é_",
            ])
        #expect(try CellFile(path: path).obsmKeys == ["X_e"])
        for name in ["", ".", "a\0b"] {
            #expect(throws: AnnDataError.self) {
                try H5ADWriter.create(
                    at: path, cellIDs: Self.ids, columns: [NewColumn(name: name, values: values)], matrices: [])
            }
        }
    }

    @Test("a text too long for one request is refused")
    func longText() throws {
        let text = String(repeating: "x", count: 16 << 20)
        let error = #expect(throws: AnnDataError.self) { try written(.strings(["a", text, "d"])) }
        #expect(error?.code == .tooLarge && error?.row == 1)
    }

    @Test(
        "columns that make no sense are refused",
        arguments: [
            .integers([1, 2]), .categories(codes: [0, 1, 2], names: ["a", "b"], ordered: false),
            .categories(codes: [0, -2, 1], names: ["a", "b"], ordered: false),
            .categories(codes: [0, 0, 1], names: ["a", "a"], ordered: false), .strings(["a", "b\0c", "d"]),
        ] as [ColumnValues])
    func refused(_ values: ColumnValues) throws {
        #expect(throws: AnnDataError.self) { try written(values) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
