import AnnData
import EmbDB
import Foundation
import Testing

@Suite("classes of a database's model")
struct AnnotateByModelTests {
    private static func database(_ space: Workspace, _ name: String = "test.embdb") throws -> Database {
        if !FileManager.default.fileExists(atPath: space.path("tuned")) { try space.finetune("tuned") }
        return try space.ingested([Fixture.labelled], name: name) { $0.model = space.path("tuned") }
    }

    @Test("probabilities are those of the evaluation, and outlive reopening, compaction and backup")
    func probabilities() throws {
        let space = try Workspace()
        let database = try Self.database(space)
        var options = EvaluateOptions(Workspace.state)
        options.threads = 1
        _ = try Training.evaluate(
            [Fixture.labelled], of: space.path("tuned"), options: options, writingTo: space.path("out"))
        let expected = Dictionary(uniqueKeysWithValues: try Predictions(space.path("out")).rows.map { ($0.name, $0) })
        func check(_ database: Database, threads: Int) throws {
            var options = AnnotateOptions(labels: [])
            options.threads = threads
            let found = try database.annotate(QueryFile(Fixture.labelled), options: options)
            #expect(found.labels == ["class"] && found.classes == ["healthy", "sick"] && found.cells.count == 250)
            var compared = 0
            for cell in found.cells {
                #expect(abs(cell.probabilities.reduce(0, +) - 1) < 1e-5)
                let best = cell.probabilities[0] >= cell.probabilities[1] ? 0 : 1
                #expect(cell.decisions.count == 1 && cell.decisions[0].label == found.classes[best])
                #expect(cell.decisions[0].runnerUp == found.classes[1 - best])
                #expect(cell.decisions[0].confidence == Double(cell.probabilities[best]))
                guard let row = expected[cell.cell] else { continue }
                compared += 1
                #expect(
                    cell.probabilities.map { String(format: "%.6f", $0) }
                        == row.probabilities.map { String(format: "%.6f", $0) })
                #expect(cell.decisions[0].label == row.prediction)
            }
            #expect(compared == 240)
        }
        try check(database, threads: 1)
        try check(database, threads: 3)
        _ = try database.delete(where: "state == \"rare\"")
        _ = try database.compact()
        try check(try Database.open(database.path), threads: 2)
        _ = try database.backup(to: space.path("copy.embdb"))
        try check(try Database.open(space.path("copy.embdb")), threads: 2)
    }

    @Test("neighbors vote as before where columns are named")
    func votes() throws {
        let space = try Workspace()
        let database = try Self.database(space)
        let found = try database.annotate(
            QueryFile(Fixture.labelled), options: AnnotateOptions(labels: ["state", "donor"]))
        #expect(found.classes.isEmpty && found.labels == ["state", "donor"])
        #expect(found.cells.allSatisfy { $0.decisions.count == 2 && $0.probabilities.isEmpty })
    }

    @Test("an .h5ad gets a column for each class")
    func copy() throws {
        let space = try Workspace()
        let database = try Self.database(space)
        let found = try database.annotate(
            QueryFile(Fixture.labelled), options: AnnotateOptions(labels: []), writingTo: space.path("labelled.h5ad"))
        let file = try CellFile(path: space.path("labelled.h5ad"))
        let names = file.obs.columnNames
        for name in ["class", "class_confidence", "class_runner_up", "probability_healthy", "probability_sick"] {
            #expect(names.contains("embdb_" + name), "\(names)")
        }
        let stored = try file.obs.column(named: "embdb_probability_sick").read(rows: 0..<250)
        #expect(stored == .numbers(found.cells.map { Double($0.probabilities[1]) }))
    }

    @Test("a model that is no classifier of cells is refused; classes of genes are no classes of cells")
    func refusals() throws {
        let space = try Workspace()
        let plain = try space.ingested([Fixture.labelled])
        let table = try space.geneTable()
        try space.finetune("genes", .gene(classes: table)) { $0.epochs = 1 }
        let genes = try space.ingested([Fixture.labelled], name: "genes.embdb") { $0.model = space.path("genes") }
        for database in [plain, genes] {
            let error = #expect(throws: EmbDBError.self) {
                try database.annotate(QueryFile(Fixture.labelled), options: AnnotateOptions(labels: []))
            }
            #expect(error?.code == .usage && error?.message.contains("no classifier of cells") == true)
            #expect(error?.message.contains("--label") == true)
        }
    }

    @Test("class names of any kind come back as they are")
    func names() throws {
        let space = try Workspace()
        let odd = ["T/NK \"cells\"", "tab\tand\nline", "Größe 心", ""]
        // The fixture with a column of these names and of d5 and d6.
        let source = try CellFile(path: Fixture.labelled).obs
        let donors = try source.column(named: "donor").readTexts(rows: 0..<250)
        let names = Dictionary(uniqueKeysWithValues: zip(["d1", "d2", "d3", "d4"], odd))
        let file = space.path("odd-names.h5ad")
        try H5ADWriter.copy(
            Fixture.labelled, to: file, cellCount: 250,
            columns: [NewColumn(name: "odd", values: .categories(of: donors.map { $0.map { names[$0] ?? $0 } }))],
            matrices: [])
        let report = try space.finetune("tuned", .cell(label: "odd"), files: [file]) { $0.epochs = 1 }
        #expect(Set(report.classes).isSuperset(of: odd) && report.classes == report.classes.sorted())
        #expect(try ModelDescription.read(space.path("tuned")).labels == report.classes)
        // A line for each cell, whatever is in the names.
        #expect(try Predictions(space.path("tuned")).rows.allSatisfy { $0.probabilities.count == 6 })
        let database = try space.ingested([Fixture.labelled], name: "odd.embdb") { $0.model = space.path("tuned") }
        let found = try database.annotate(
            QueryFile(Fixture.labelled), options: AnnotateOptions(labels: []), writingTo: space.path("odd.h5ad"))
        #expect(found.classes == report.classes)
        #expect(
            try CellFile(path: space.path("odd.h5ad")).obs.columnNames.count { $0.hasPrefix("embdb_probability_") } == 6
        )
    }
}
