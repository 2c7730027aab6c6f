import EmbDB
import Foundation
import Testing

@Suite("nearest cells against brute force over the exported embeddings")
struct NearestTests {
    /// Every cell of small.h5ad twice, under two prefixes: distances come in exact ties.
    static func twins() throws -> (Workspace, Database, Exports, BruteForce) {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small]) { $0.idPrefix = "a-" }
        _ = try database.ingest([Fixture.small], options: space.options { $0.idPrefix = "b-" })
        let exports = try space.exports(database)
        return (space, database, exports, BruteForce(vectors: exports.vectors))
    }

    /// Neighbors are the brute force's; where its distances differ by less than f32 shows, either order is right, but
    /// identical vectors come in the order of their rows.
    static func expectSame(
        _ found: [NearestCell], _ expected: [(row: Int, distance: Double)], _ exports: Exports, k: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == min(k, expected.count), sourceLocation: sourceLocation)
        #expect(found.map(\.rank) == Array(1..<found.count + 1), sourceLocation: sourceLocation)
        let byID = Dictionary(uniqueKeysWithValues: exports.ids.enumerated().map { ($1, $0) })
        let distances = Dictionary(uniqueKeysWithValues: expected.map { ($0.row, $0.distance) })
        var previous = -1
        for (place, cell) in found.enumerated() {
            guard let row = byID[cell.cell], let distance = distances[row] else {
                Issue.record("\(cell.cell) must not be a neighbor", sourceLocation: sourceLocation)
                continue
            }
            #expect(abs(Double(cell.distance) - distance) < 2e-6, sourceLocation: sourceLocation)
            #expect(cell.similarity == 1 - cell.distance, sourceLocation: sourceLocation)
            #expect(abs(distance - expected[place].distance) < 1e-6, sourceLocation: sourceLocation)
            if place > 0, exports.vectors[row] == exports.vectors[previous] {
                #expect(previous < row, "ties by row", sourceLocation: sourceLocation)
            }
            previous = row
        }
        #expect(Set(found.map(\.cell)).count == found.count, sourceLocation: sourceLocation)
    }

    @Test("every stored cell finds its neighbors, and not itself; ties by row")
    func storedCells() throws {
        let (_, database, exports, oracle) = try Self.twins()
        for exact in [false, true] {
            var options = NearestOptions()
            options.k = 7
            options.exact = exact
            let answer = try database.nearest(.cells(exports.ids), options: options)
            #expect(answer.queries.map(\.name) == exports.ids)
            #expect(answer.search.exact && answer.search.method == "exact")
            for (row, query) in answer.queries.enumerated() {
                let others = exports.ids.indices.filter { $0 != row }
                Self.expectSame(query.neighbors, oracle.nearest(to: exports.vectors[row], among: others), exports, k: 7)
                // The other one of the pair of twins.
                let twin = (query.name.hasPrefix("a") ? "b" : "a") + query.name.dropFirst()
                #expect(query.neighbors.first?.cell == twin)
                #expect(query.perturbation == nil)
            }
        }
    }

    @Test("k beyond the cells gives all others, also for the largest k")
    func largeK() throws {
        let (_, database, exports, oracle) = try Self.twins()
        for k in [exports.ids.count - 1, exports.ids.count, 10_000, Int.max] {
            var options = NearestOptions()
            options.k = k
            let answer = try database.nearest(.cells([exports.ids[3]]), options: options)
            let others = exports.ids.indices.filter { $0 != 3 }
            Self.expectSame(
                answer.queries[0].neighbors, oracle.nearest(to: exports.vectors[3], among: others), exports, k: k)
            options.exact = true
            let exact = try database.nearest(.cells([exports.ids[3]]), options: options)
            #expect(exact.queries[0].neighbors.map(\.cell) == answer.queries[0].neighbors.map(\.cell))
        }
    }

    @Test("a filter, excludeSame and maximumDistance leave out whom they should")
    func filters() throws {
        let (_, database, exports, oracle) = try Self.twins()
        var options = NearestOptions()
        options.k = 9
        options.filter = #"state == "sick" or donor is missing"#
        options.excludeSame = "donor"
        options.maximumDistance = 0.02
        let queries = Array(
            exports.ids.enumerated().filter { $0.offset % 5 == 0 || exports.obs[$0.offset]["donor"] == "" })
        #expect(queries.contains { exports.obs[$0.offset]["donor"] == "" })
        let answer = try database.nearest(.cells(queries.map(\.element)), options: options)
        var kept = 0
        for (query, found) in zip(queries, answer.queries) {
            let donor = exports.obs[query.offset]["donor"] ?? ""
            let rows = exports.ids.indices.filter { row in
                let obs = exports.obs[row]
                return row != query.offset && (obs["state"] == "sick" || obs["donor"] == "")
                    && (donor.isEmpty || obs["donor"] != donor)
            }
            let near = oracle.nearest(to: exports.vectors[query.offset], among: rows).prefix(9)
                .filter { $0.distance <= 0.02 }
            kept += near.count
            Self.expectSame(found.neighbors, Array(near), exports, k: 9)
        }
        #expect(kept > 0 && kept < 9 * queries.count, "the maximum must cut something")
    }

    @Test("vectors from outside, their centroid, and the centroid of a selection")
    func vectorsAndCentroids() throws {
        let (_, database, exports, oracle) = try Self.twins()
        let all = Array(exports.ids.indices)
        var options = NearestOptions()
        options.k = 5
        let vectors = [exports.vectors[2].map { $0 * 3 }, exports.vectors[9].map { -$0 }]
        let answer = try database.nearest(.vectors(vectors), options: options)
        #expect(answer.queries.map(\.name) == ["vector 0", "vector 1"])
        for (vector, query) in zip(vectors, answer.queries) {
            Self.expectSame(query.neighbors, oracle.nearest(to: vector, among: all), exports, k: 5)
        }
        options.centroid = true
        let one = try database.nearest(.vectors(vectors), options: options)
        #expect(one.queries.count == 1)
        Self.expectSame(one.queries[0].neighbors, oracle.nearest(to: mean(vectors), among: all), exports, k: 5)

        let sick = all.filter { exports.obs[$0]["state"] == "sick" }
        let selection = try database.nearest(.selection(#"state == "sick""#), options: options)
        #expect(selection.queries.count == 1)
        Self.expectSame(
            selection.queries[0].neighbors, oracle.nearest(to: mean(sick.map { exports.vectors[$0] }), among: all),
            exports, k: 5)
    }

    @Test("neighbors carry their obs values, missing ones as such")
    func obsValues() throws {
        let (_, database, exports, _) = try Self.twins()
        var options = NearestOptions()
        options.k = 200
        let answer = try database.nearest(.vectors([exports.vectors[0]]), options: options)
        #expect(answer.queries[0].neighbors.count == exports.ids.count)
        for cell in answer.queries[0].neighbors {
            let row = try #require(exports.ids.firstIndex(of: cell.cell))
            #expect(cell.obs.map(\.name) == Array(exports.columns.dropFirst()))
            for (name, value) in cell.obs { #expect(value.description == exports.obs[row][name]) }
        }
        let values = Dictionary(
            uniqueKeysWithValues: answer.queries[0].neighbors.map { cell in
                (cell.cell, Dictionary(uniqueKeysWithValues: cell.obs.map { ($0.name, $0.value) }))
            })
        #expect(values["a-cell-0"]?["score"] == .missing)
        #expect(values["a-cell-3"]?["donor"] == .missing)
        #expect(values["a-cell-5"] == nil, "it has no known gene")
        #expect(values["a-cell-0"]?["note"] == .missing)
        #expect(values["a-cell-1"]?["note"] == .text("note 1"))
        if case .boolean? = values["a-cell-1"]?["flag"] {} else { Issue.record("flag is no boolean") }
        if case .integer? = values["a-cell-1"]?["n_genes"] {} else { Issue.record("n_genes is no integer") }
    }

    @Test("what cannot be answered is refused with a fitting code")
    func errors() throws {
        let (_, database, exports, _) = try Self.twins()
        func code(_ query: NearestQuery, _ change: (inout NearestOptions) -> Void = { _ in }) -> EmbDBError.Code? {
            var options = NearestOptions()
            change(&options)
            do {
                _ = try database.nearest(query, options: options)
                return nil
            } catch { return error.code }
        }
        let cell = NearestQuery.cells([exports.ids[0]])
        #expect(code(cell) { $0.k = 0 } == .usage)
        #expect(code(cell) { $0.k = -3 } == .usage)
        #expect(code(.cells(["nobody"])) == .unknownCell)
        #expect(code(.cells([""])) == .unknownCell)
        #expect(code(.cells([String(repeating: "x", count: 5000)])) == .unknownCell)
        #expect(code(.selection(#"state == "sikc""#)) == .expression)
        #expect(code(.selection("n_genes < 0")) == .nothingFound)
        #expect(code(cell) { $0.filter = "n_genes < 0" } == .nothingFound)
        #expect(code(cell) { $0.filter = "nonsense ==" } == .expression)
        #expect(code(cell) { $0.excludeSame = "no column" } == .usage)
        #expect(code(.vectors([[1, 2, 3]])) == .usage)
        #expect(code(.vectors([])) == .usage)
        #expect(code(.cells([])) == .usage)
        #expect(code(.vectors([[Float](repeating: .nan, count: TinyModel.hidden)])) == .usage)
        #expect(code(.vectors([exports.vectors[0]])) { $0.excludeSame = "donor" } == .usage)
        #expect(code(cell) { $0.edit = GeneEdit(delete: ["GENE99"]) } == .unknownGene)
        #expect(code(cell) { $0.edit = GeneEdit(delete: ["GENE1"], overexpress: ["GENE1"]) } == .usage)
        let unknown = #expect(throws: EmbDBError.self) { _ = try database.nearest(.cells(["a-cell-1x"])) }
        #expect(unknown?.message.contains("a-cell-1") == true)
    }

    @Test("a query too long for a distance in f32 is refused, unless only its direction counts")
    func tooLong() throws {
        let space = try Workspace()
        let vectors = [Fixture.embedding(row: 1), Fixture.embedding(row: 2).map { $0 * 1e37 }]
        for metric in [EmbeddingMetric.cosine, .l2, .ip] {
            let database = try ImportTests.imported(space, name: metric.rawValue) { $0.metric = metric }
            #expect(try database.nearest(.vectors([vectors[0]])).queries.count == 1)
            if metric == .cosine {
                #expect(try database.nearest(.vectors(vectors)).queries[1].neighbors[0].cell == "v2")
            } else {
                let error = #expect(throws: EmbDBError.self) { _ = try database.nearest(.vectors(vectors)) }
                #expect(error?.code == .usage)
                #expect(error?.message.contains("query vector 1") == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test("a zero vector, a cell asked for twice and odd numbers of threads are no trouble")
    func oddities() throws {
        let (_, database, exports, _) = try Self.twins()
        var options = NearestOptions()
        options.threads = 0
        options.ef = -5
        let zero = try database.nearest(.vectors([[Float](repeating: 0, count: TinyModel.hidden)]), options: options)
        #expect(zero.queries[0].neighbors.count == 10)
        #expect(zero.queries[0].neighbors.allSatisfy { $0.distance.isFinite })
        let twice = try database.nearest(.cells([exports.ids[1], exports.ids[1]]), options: options)
        #expect(twice.queries[0].neighbors.map(\.cell) == twice.queries[1].neighbors.map(\.cell))
    }
}
