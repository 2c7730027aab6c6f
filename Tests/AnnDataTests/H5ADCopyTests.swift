import AnnData
import Foundation
import Numerics
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
        #expect(error(Fixture.path("Formats/tables"), Self.n)?.code == .unsupportedEncoding)
        #expect(throws: AnnDataError.self) { try H5ADWriter.canCopy(Fixture.path("Formats/tables")) }
        #expect(error(folder.file("no"), Self.n)?.code == .notFound)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.h5ad"])
    }

    /// The error of a copy of `source` with a new column, over a file that is there.
    private func copied(_ source: String) throws -> AnnDataError? {
        try "old".write(toFile: path, atomically: true, encoding: .utf8)
        let failure = thrown { () throws(AnnDataError) in
            do {
                try H5ADWriter.copy(
                    source, to: path, cellCount: Self.n, columns: [NewColumn(name: "label", values: Self.labels)],
                    matrices: [Self.matrix("X_embdb")])
            } catch let error as AnnDataError {
                throw error
            } catch {
                Issue.record("\(error)")
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.h5ad"])
        if let failure {
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            #expect(failure.file == source && !failure.description.contains("\n"), "\(failure)")
        } else if (try? CellFile(path: source)) != nil {
            // What was damaged and is not looked at is copied as it is.
            #expect(try CellFile(path: path).obs.column(named: "label").read(rows: 0..<Self.n) == Self.labels)
        }
        return failure
    }

    @Test("a source that is cut is an error; nothing stays behind, and the target stays as it was")
    func cut() throws {
        let damaged = try TemporaryFolder()
        let original = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("frames")))
        let source = damaged.file("cut.h5ad")
        for cut in 0..<20 {
            try original.prefix(original.count * cut / 20).write(to: URL(fileURLWithPath: source))
            #expect(try copied(source)?.code == (cut == 0 ? .empty : .truncated))
        }
    }

    @Test(
        "a source with flipped bytes is copied whole or an error; nothing stays behind",
        arguments: ["frames", "csr_newest_format"])
    func flipped(_ name: String) throws {
        let damaged = try TemporaryFolder()
        let original = try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name)))
        let source = damaged.file("flipped.h5ad")
        var random = SeededRandom(seed: 31)
        // Damage where something is: most of a small file is unused space.
        let used = original.indices.filter { original[$0] != 0 }
        var refused = 0
        for _ in 0..<60 {
            var bytes = original
            for _ in 0..<1 + Int(random.next() % 400) {
                bytes[used[Int(random.next() % UInt64(used.count))]] = UInt8(truncatingIfNeeded: random.next())
            }
            try bytes.write(to: URL(fileURLWithPath: source))
            if try copied(source) != nil { refused += 1 }
        }
        #expect(refused > 5 && refused < 60)
    }

    @Test("a link is followed as the system does it, where `..` stands behind a folder that is a link")
    func linked() throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder.file("disk/project"), withIntermediateDirectories: true)
        try files.createDirectory(atPath: folder.file("disk/data"), withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: folder.file("project"), withDestinationPath: "disk/project")
        try files.createSymbolicLink(
            atPath: folder.file("project/copy.h5ad"), withDestinationPath: "../data/copy.h5ad")
        try H5ADWriter.copy(
            Fixture.path("frames"), to: folder.file("project/copy.h5ad"), cellCount: Self.n, columns: [], matrices: [])
        #expect(try CellFile(path: folder.file("disk/data/copy.h5ad")).cellCount == Self.n)
        #expect(try files.contentsOfDirectory(atPath: folder.path).sorted() == ["disk", "project"])
        #expect(try files.contentsOfDirectory(atPath: folder.file("disk/project")) == ["copy.h5ad"])
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
