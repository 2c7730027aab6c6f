import EmbDB
import Foundation
import Testing

@Suite("queries from a file")
struct FileQueryTests {
    @Test("a file's cells are embedded as an ingest would, and find what their vectors find")
    func counts() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let other = try space.exports(space.ingested([Fixture.other], name: "other"))
        let warnings = Log()
        let control = Control(warning: { warnings.add($0) })
        let found = try database.nearest(.file(QueryFile(Fixture.other)), control: control)
        let expected = try database.nearest(.vectors(other.vectors))
        #expect(found.queries.map(\.name) == other.ids)
        for (query, right) in zip(found.queries, expected.queries) {
            #expect(query.neighbors.map(\.cell) == right.neighbors.map(\.cell))
            #expect(query.neighbors.map(\.distance) == right.neighbors.map(\.distance))
        }
        #expect(warnings.lines.isEmpty)
        var options = NearestOptions()
        options.centroid = true
        let centroid = try database.nearest(.file(QueryFile(Fixture.other)), options: options)
        let mean = try database.nearest(.vectors(other.vectors), options: options)
        #expect(centroid.queries.count == 1)
        #expect(centroid.queries[0].neighbors.map(\.distance) == mean.queries[0].neighbors.map(\.distance))
    }

    @Test("cells that are in the database too find themselves; those without a known gene are left out")
    func own() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let warnings = Log()
        var options = NearestOptions()
        options.k = 6
        let found = try database.nearest(
            .file(QueryFile(Fixture.small)), options: options, control: Control(warning: { warnings.add($0) }))
        #expect(found.queries.count == 47)
        #expect(warnings.lines.count == 1 && warnings.lines[0].contains("1 of 48"))
        options.k = 5
        let stored = try database.nearest(.cells(found.queries.map(\.name)), options: options)
        for (query, other) in zip(found.queries, stored.queries) {
            #expect(query.neighbors[0].cell == query.name && abs(query.neighbors[0].distance) < 1e-6)
            #expect(query.neighbors.dropFirst().map(\.cell) == other.neighbors.map(\.cell))
        }
    }

    @Test("chosen cells, changed genes and equals that are left out")
    func choices() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        var file = QueryFile(Fixture.small)
        file.cells = ["cell-7", "cell-2"]
        var options = NearestOptions()
        options.edit = GeneEdit(delete: ["GENE3"], overexpress: ["GENE8"])
        options.k = 46
        let found = try database.nearest(.file(file), options: options)
        let stored = try database.nearest(.cells(["cell-2", "cell-7"]), options: options)
        #expect(found.queries.map(\.name) == ["cell-2", "cell-7"])
        for (query, other) in zip(found.queries, stored.queries) {
            // All but the cell itself, which a stored query leaves out.
            let pairs = query.neighbors.filter { $0.cell != query.name }.map { [$0.cell, "\($0.distance)"] }
            #expect(pairs == other.neighbors.prefix(pairs.count).map { [$0.cell, "\($0.distance)"] })
            #expect(query.perturbation == options.edit)
        }

        var same = NearestOptions()
        same.excludeSame = "donor"
        same.k = 47
        file.cells = []
        file.filter = #"state == "sick""#
        let exports = try space.exports(database)
        let answer = try database.nearest(.file(file), options: same)
        #expect(!answer.queries.isEmpty)
        for query in answer.queries {
            let own = exports.obs.first { $0["cell"] == query.name }?["donor"] ?? ""
            let others = exports.obs.filter { own.isEmpty || $0["donor"] != own }.compactMap { $0["cell"] }
            #expect(Set(query.neighbors.map(\.cell)) == Set(others))
            #expect(exports.obs.first { $0["cell"] == query.name }?["state"] == "sick")
        }
        // Numbers and truth values compare too.
        for column in ["n_genes", "flag", "score"] {
            same.excludeSame = column
            let answer = try database.nearest(.file(QueryFile(Fixture.small)), options: same)
            for query in answer.queries {
                let own = exports.obs.first { $0["cell"] == query.name }?[column] ?? ""
                let others = exports.obs.filter { own.isEmpty || $0[column] != own }.compactMap { $0["cell"] }
                #expect(Set(query.neighbors.map(\.cell)) == Set(others), "\(column) \(own)")
            }
        }
    }

    @Test("whole numbers are the same in a file that has them as floats, as where a value is missing")
    func numbersAsFloats() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let obs = try space.exports(database).obs
        #expect(obs.contains { $0["n_genes"] == "25" })
        var options = NearestOptions()
        options.excludeSame = "n_genes"
        options.k = 47
        let answer = try database.nearest(.file(QueryFile(Fixture.floats)), options: options)
        #expect(answer.queries.map(\.name) == ["f0", "f1", "f2", "f3"])
        let others = obs.filter { $0["n_genes"] != "25" }.compactMap { $0["cell"] }
        #expect(Set(answer.queries[0].neighbors.map(\.cell)) == Set(others))
        for query in answer.queries.dropFirst() { #expect(query.neighbors.count == 47) }
    }

    @Test("many cells go through in batches")
    func batches() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        var options = NearestOptions()
        options.k = 2
        let found = try database.nearest(.file(QueryFile(Fixture.long)), options: options)
        #expect(found.queries.map(\.name) == (0..<2600).map { "l\($0)" })
        let vectors = (0..<2600).map(Fixture.embedding)
        let expected = try database.nearest(.vectors(vectors), options: options)
        #expect(found.queries.map { $0.neighbors.map(\.cell) } == expected.queries.map { $0.neighbors.map(\.cell) })
        #expect(found.search.candidates == expected.search.candidates)
    }

    @Test("what does not fit is refused with what to do")
    func refusals() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let imported = try ImportTests.imported(space, name: "imported")
        func refused(
            _ code: EmbDBError.Code, _ words: [String], _ database: Database, _ path: String = Fixture.small,
            _ change: (inout QueryFile, inout NearestOptions) -> Void = { _, _ in }
        ) {
            var (file, options) = (QueryFile(path), NearestOptions())
            change(&file, &options)
            let error = #expect(throws: EmbDBError.self) { _ = try database.nearest(.file(file), options: options) }
            #expect(error?.code == code, "\(error?.message ?? "")")
            for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
        }
        refused(.usage, ["--obsm", "counts"], database) { file, _ in file.obsm = "X_pca" }
        refused(.input, ["vectors.h5ad"], database, Fixture.vectors)
        refused(.input, ["layers/broken", "200", "1.5"], database, Fixture.broken) { file, _ in
            file.layer = "layers/broken"
        }
        refused(.usage, ["--gene-column"], imported, Fixture.vectors) { file, _ in file.geneColumn = "index" }
        refused(.model, ["no model"], imported, Fixture.vectors) { _, options in
            options.edit = GeneEdit(delete: ["GENE1"])
        }
        refused(.usage, ["nobody", "donor", "flag"], database, Fixture.small) {
            _, options in
            options.excludeSame = "nobody"
        }
        refused(.unknownGene, ["GENE99"], database) { _, options in options.edit = GeneEdit(delete: ["GENE99"]) }
        refused(.nothingFound, ["no cell"], database) { file, _ in file.cells = ["cell-5"] }
    }
}
