import AnnData
import EmbDB
import Foundation
import Testing

/// Exported .h5ad files, read by our own reader. Tools/check-anndata reads them with Python's anndata.
@Suite("an exported .h5ad")
struct ExportH5ADTests {
    @Test("says what the other exports say, with types; missing values stay missing")
    func contents() throws {
        let space = try Workspace(isV2: true)
        let database = try space.ingested([Fixture.small])
        _ = try database.ingest([Fixture.other], options: space.options { $0.onConflict = .skip })
        let exports = try space.exports(database)
        let path = space.path("cells.h5ad")
        #expect(try database.exportH5AD(to: path) == exports.ids.count)
        let file = try CellFile(path: path)
        let rows = 0..<exports.ids.count
        #expect(try file.obs.names(rows) == exports.ids)
        #expect(["cell"] + file.obs.columnNames == exports.columns)
        for name in file.obs.columnNames {
            let texts = try file.obs.column(named: name).readTexts(rows: rows)
            let column = exports.obs.map { $0[name] ?? "" }
            if try file.obs.column(named: name).kind == .numbers {
                #expect(texts.map { $0.flatMap(Double.init) } == column.map { Double($0) }, "\(name)")
            } else {
                #expect(texts.map { $0 ?? "" } == column, "\(name)")
            }
        }
        #expect(file.obsmKeys == ["X_embdb"] && file.layerNames.isEmpty)
        var values: [Float] = []
        try file.embedding("X_embdb").read(rows: rows, into: &values)
        #expect(values.map(\.bitPattern) == exports.vectors.flatMap { $0.map(\.bitPattern) })

        // What the columns were in the source.
        func column(_ name: String) throws -> Column { try file.obs.column(named: name) }
        #expect(try column("state").categories == ["between", "healthy", "new", "sick"])
        #expect(try column("donor").read(rows: 2..<4) != column("donor").read(rows: 1..<3))
        #expect(try column("donor").readTexts(rows: 3..<4) == [nil])
        #expect(try column("score").encoding == "array" && column("score").kind == .numbers)
        #expect(try column("flag").encoding == "nullable-boolean")
        #expect(try column("n_genes").encoding == "nullable-integer")
        #expect(try column("note").readTexts(rows: 0..<2) == [nil, "note 1"])

        let again = space.path("again.h5ad")
        _ = try database.exportH5AD(to: again)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: again)))
    }

    @Test("has plain arrays where nothing is missing, and texts where every cell has another")
    func types() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.other])
        let path = space.path("cells.h5ad")
        _ = try database.exportH5AD(to: path)
        let obs = try CellFile(path: path).obs
        #expect(try obs.column(named: "barcode").encoding == "string-array")
        #expect(try obs.column(named: "batch").encoding == "categorical")
        #expect(try obs.column(named: "batch").isOrdered == false)
        let source = try CellFile(path: Fixture.other).obs
        for name in source.columnNames {
            let texts = try source.column(named: name).readTexts(rows: 0..<source.count)
            #expect(try obs.column(named: name).readTexts(rows: 0..<source.count) == texts, "\(name)")
        }
    }

    @Test("appears only when it is complete, and leaves nothing behind")
    func atomic() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let folder = space.path("out")
        try FileManager.default.createDirectory(atPath: folder + "/taken", withIntermediateDirectories: true)
        let stopped = #expect(throws: EmbDBError.self) {
            try database.exportH5AD(to: folder + "/x.h5ad", control: Control(isCancelled: { true }))
        }
        #expect(stopped?.code == .cancelled)
        for path in [folder + "/no/x.h5ad", folder + "/taken", "/dev/null"] {
            let error = #expect(throws: EmbDBError.self) { try database.exportH5AD(to: path) }
            #expect(error?.code == .storage && error?.message.contains(path) == true, "\(error?.message ?? "")")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["taken"])
        // A link is followed.
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/link.h5ad", withDestinationPath: "taken/real.h5ad")
        #expect(try database.exportH5AD(to: folder + "/link.h5ad") == 47)
        #expect(try CellFile(path: folder + "/taken/real.h5ad").cellCount == 47)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["link.h5ad", "taken"])
    }

    @Test("of a database without cells is refused")
    func empty() throws {
        let space = try Workspace()
        let database = try space.database()
        let error = #expect(throws: EmbDBError.self) { try database.exportH5AD(to: space.path("x.h5ad")) }
        #expect(error?.code == .nothingFound)
    }
}
