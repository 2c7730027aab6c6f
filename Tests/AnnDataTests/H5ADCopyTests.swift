import AnnData
import Foundation
import TestSupport
import Testing

/// Copies with columns and matrices added. Tools/check-anndata compares the rest of such files with Python's anndata.
@Suite struct H5ADCopyTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("copy.h5ad")
    }

    private static let n = Fixture.cells
    private static let labels = ColumnValues.categories(
        codes: (0..<Int32(n)).map { $0 % 3 - 1 }, names: ["B cell", "T cell"], ordered: false)
    private static func matrix(_ name: String) -> NewMatrix {
        NewMatrix(name: name, dimension: 2) { rows in rows.flatMap { [Float($0), Float($0) / 3] } }
    }

    private func columns(_ path: String) throws -> [String: ColumnValues] {
        let obs = try CellFile(path: path).obs
        return try Dictionary(
            uniqueKeysWithValues: obs.columnNames.map { ($0, try obs.column(named: $0)) }
                .filter { $0.1.kind != .unsupported && $0.0 != "float" && $0.0 != "per/cell" }
                .map { ($0, try $1.read(rows: 0..<Self.n)) })
    }

    @Test("new columns and matrices are there, the rest as it was", arguments: ["frames", "frames_fixed"])
    func added(_ name: String) throws {
        let source = Fixture.path(name)
        let before = try Data(contentsOf: URL(fileURLWithPath: source))
        let renamed = try H5ADWriter.copy(
            source, to: path, cellCount: Self.n,
            columns: [
                NewColumn(name: "label", values: Self.labels),
                NewColumn(name: "confidence", values: .numbers((0..<Self.n).map { Double($0) / 7 })),
            ], matrices: [Self.matrix("X_embdb")])
        #expect(renamed.isEmpty)
        #expect(try Data(contentsOf: URL(fileURLWithPath: source)) == before)
        let (old, new) = (try CellFile(path: source), try CellFile(path: path))
        #expect(new.obs.columnNames == old.obs.columnNames + ["label", "confidence"])
        #expect(try new.obs.names(0..<Self.n) == old.obs.names(0..<Self.n))
        var expected = try columns(source)
        expected["label"] = Self.labels
        expected["confidence"] = .numbers((0..<Self.n).map { Double($0) / 7 })
        #expect(try columns(path) == expected)
        #expect(new.obsmKeys == (old.obsmKeys + ["X_embdb"]).sorted())
        var read: [Float] = []
        try new.embedding("X_embdb").read(rows: 3..<5, into: &read)
        #expect(read == [3, 1, 4, 4 / 3])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.h5ad"])
    }

    @Test("a column or matrix of the same name is replaced, in its place")
    func replaced() throws {
        let source = Fixture.path("frames")
        try H5ADWriter.copy(
            source, to: path, cellCount: Self.n,
            columns: [
                NewColumn(name: "category", values: .integers((0..<Self.n).map { Int64($0) })),
                NewColumn(name: "text", values: Self.labels), NewColumn(name: "_index", values: Self.labels),
            ], matrices: [Self.matrix("X_pca")])
        let new = try CellFile(path: path)
        #expect(new.obs.columnNames == (try CellFile(path: source).obs.columnNames) + ["_index_"])
        #expect(new.obsmKeys == ["X_pca"])
        #expect(try new.embedding("X_pca").dimension == 2)
        #expect(try new.obs.column(named: "category").read(rows: 0..<2) == .integers([0, 1]))
        #expect(try new.obs.column(named: "text").read(rows: 0..<Self.n) == Self.labels)
        #expect(try new.obs.names(0..<2) == ["cell0", "cell1"])
    }

    @Test("categories beside the column, as anndata 0.7 wrote them, go with their column")
    func legacy() throws {
        let source = Fixture.path("legacy_categories")
        try H5ADWriter.copy(
            source, to: path, cellCount: Self.n, columns: [NewColumn(name: "label", values: Self.labels)], matrices: [])
        #expect(
            try columns(path)["kind"] == (try columns(source)["kind"]) && columns(path)["label"] == Self.labels)
        try H5ADWriter.copy(
            source, to: path, cellCount: Self.n, columns: [NewColumn(name: "kind", values: Self.labels)], matrices: [])
        #expect(try columns(path) == ["kind": Self.labels])
    }

    @Test("a file can be replaced by its own copy")
    func inPlace() throws {
        try FileManager.default.copyItem(atPath: Fixture.path("frames"), toPath: path)
        for name in ["first", "second"] {
            try H5ADWriter.copy(
                path, to: path, cellCount: Self.n, columns: [NewColumn(name: name, values: Self.labels)], matrices: [])
        }
        #expect(try CellFile(path: path).obs.columnNames.suffix(2) == ["first", "second"])
    }

    @Test("another number of cells, no .h5ad and an older layout are refused, and the target stays as it was")
    func refused() throws {
        try "old".write(toFile: path, atomically: true, encoding: .utf8)
        func error(_ source: String, _ cells: Int) -> AnnDataError? {
            #expect(throws: AnnDataError.self) {
                try H5ADWriter.copy(
                    source, to: path, cellCount: cells,
                    columns: [NewColumn(name: "x", values: .integers(Array(repeating: 1, count: cells)))], matrices: [])
            }
        }
        #expect(error(Fixture.path("frames"), 22)?.code == .inconsistent)
        #expect(error(Fixture.path("not_anndata"), Self.n)?.code == .notAnnData)
        #expect(error(folder.file("no"), Self.n)?.code == .notFound)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.h5ad"])
    }

    @Test("a target that cannot be written is an error, and nothing stays behind")
    func unwritable() throws {
        func error(_ path: String) -> AnnDataError? {
            #expect(throws: AnnDataError.self) {
                try H5ADWriter.copy(
                    Fixture.path("frames"), to: path, cellCount: Self.n, columns: [], matrices: [])
            }
        }
        for path in [folder.file("no/x.h5ad"), folder.path, "/dev/null", "/proc/x.h5ad"] {
            #expect(error(path)?.code == .notWritten && error(path)?.file == path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("what stops the copying or the rows stops all, and the target stays as it was")
    func stopped() throws {
        struct Stop: Error {}
        try "old".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: Stop.self) {
            try H5ADWriter.copy(
                Fixture.path("frames"), to: path, cellCount: Self.n, columns: [],
                matrices: [NewMatrix(name: "X_e", dimension: 2) { _ in throw Stop() }])
        }
        #expect(throws: Stop.self) {
            try H5ADWriter.copy(
                Fixture.path("frames"), to: path, cellCount: Self.n, columns: [], matrices: [],
                check: { throw Stop() })
        }
        #expect(throws: AnnDataError.self) {
            try H5ADWriter.copy(
                Fixture.path("frames"), to: path, cellCount: Self.n, columns: [],
                matrices: [NewMatrix(name: "X_e", dimension: 2) { _ in [1, 2, 3] }])
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.h5ad"])
    }
}
