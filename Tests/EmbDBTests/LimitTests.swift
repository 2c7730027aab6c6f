import EmbDB
import Foundation
import Numerics
import Testing

@Suite("at most so many neighbors with the same value")
struct LimitTests {
    /// The nearest rows that the limit allows, one after another; `values` by row, empty for a missing one.
    private static func nearest(
        _ k: Int, of ranked: [(row: Int, distance: Double)], atMost most: Int, per values: [String]
    ) -> [(row: Int, distance: Double)] {
        var counts: [String: Int] = [:]
        var chosen: [(row: Int, distance: Double)] = []
        for candidate in ranked where chosen.count < k {
            let value = values[candidate.row]
            if !value.isEmpty {
                if counts[value, default: 0] == most { continue }
                counts[value, default: 0] += 1
            }
            chosen.append(candidate)
        }
        return chosen
    }

    /// As many neighbors as brute force has, as near, and within the limit; where distances are equal to the last bits,
    /// either cell is right.
    private static func expect(
        _ found: [NearestCell], _ expected: [(row: Int, distance: Double)], atMost most: Int, per values: [String],
        among rows: [Int], _ exports: Exports, _ query: [Float], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try #require(found.count == expected.count, sourceLocation: sourceLocation)
        let oracle = BruteForce(vectors: exports.vectors)
        var counts: [String: Int] = [:]
        var chosen: Set<Int> = []
        for (cell, right) in zip(found, expected) {
            let row = try #require(exports.ids.firstIndex(of: cell.cell), sourceLocation: sourceLocation)
            #expect(rows.contains(row) && chosen.insert(row).inserted, sourceLocation: sourceLocation)
            counts[values[row], default: 0] += 1
            #expect(abs(oracle.distance(query, row) - right.distance) < 1e-6, sourceLocation: sourceLocation)
            #expect(abs(Double(cell.distance) - right.distance) < 2e-6, sourceLocation: sourceLocation)
        }
        counts[""] = nil
        #expect(counts.values.allSatisfy { $0 <= most }, sourceLocation: sourceLocation)
    }

    @Test("every combination with filters, exact search and a largest distance is that of brute force")
    func combinations() throws {
        let (_, database, exports, oracle) = try NearestTests.twins()
        var random = SeededRandom(seed: 4)
        var reached = 0
        for column in ["donor", "state", "n_genes", "flag", "score"] {
            let values = exports.obs.map { $0[column] ?? "" }
            for exact in [false, true] {
                for _ in 0..<6 {
                    var options = NearestOptions()
                    options.exact = exact
                    options.k = Int.random(in: 1...40, using: &random)
                    let most = Int.random(in: 1...5, using: &random)
                    options.limit = .init(atMost: most, per: column)
                    let isFiltered = Bool.random(using: &random)
                    if isFiltered { options.filter = #"state == "sick" or donor is missing"# }
                    if Bool.random(using: &random) { options.excludeSame = "donor" }
                    if Bool.random(using: &random) {
                        options.maximumDistance = Float.random(in: 0...0.05, using: &random)
                    }
                    let queries = (0..<8).map { _ in Int.random(in: exports.ids.indices, using: &random) }
                    let answer = try database.nearest(.cells(queries.map { exports.ids[$0] }), options: options)
                    for (query, found) in zip(queries, answer.queries) {
                        let donor = exports.obs[query]["donor"] ?? ""
                        let rows = exports.ids.indices.filter { row in
                            let obs = exports.obs[row]
                            return row != query && (!isFiltered || obs["state"] == "sick" || obs["donor"] == "")
                                && (options.excludeSame == nil || donor.isEmpty || obs["donor"] != donor)
                        }
                        let ranked = oracle.nearest(to: exports.vectors[query], among: rows)
                        let expected = Self.nearest(options.k, of: ranked, atMost: most, per: values)
                            .filter { $0.distance <= Double(options.maximumDistance ?? 9) }
                        if options.maximumDistance == nil, expected.count == options.k { reached += 1 }
                        // At the very distance that is the limit, rounding decides.
                        if let limit = options.maximumDistance,
                            ranked.contains(where: { abs($0.distance - Double(limit)) < 2e-6 })
                        {
                            continue
                        }
                        try Self.expect(
                            found.neighbors, expected, atMost: most, per: values, among: rows, exports,
                            exports.vectors[query])
                    }
                }
            }
        }
        #expect(reached > 0)
    }

    @Test("vectors, their centroid and a file's cells obey it; missing values are not limited")
    func queries() throws {
        let (space, database, exports, oracle) = try NearestTests.twins()
        let all = Array(exports.ids.indices)
        let donors = exports.obs.map { $0["donor"] ?? "" }
        var options = NearestOptions()
        options.k = 12
        options.limit = .init(atMost: 2, per: "donor")
        let vectors = [exports.vectors[2], exports.vectors[30].map { -$0 }]
        let answer = try database.nearest(.vectors(vectors), options: options)
        for (vector, query) in zip(vectors, answer.queries) {
            let expected = Self.nearest(12, of: oracle.nearest(to: vector, among: all), atMost: 2, per: donors)
            try Self.expect(query.neighbors, expected, atMost: 2, per: donors, among: all, exports, vector)
        }
        options.centroid = true
        let one = try database.nearest(.vectors(vectors), options: options)
        let centroid = mean(vectors)
        let expected = Self.nearest(12, of: oracle.nearest(to: centroid, among: all), atMost: 2, per: donors)
        try Self.expect(one.queries[0].neighbors, expected, atMost: 2, per: donors, among: all, exports, centroid)

        options.centroid = false
        options.k = 500
        options.limit = .init(atMost: 1, per: "donor")
        let everyone = try database.nearest(.file(QueryFile(Fixture.small)), options: options)
        let missing = donors.count { $0.isEmpty }
        #expect(missing > 0)
        for query in everyone.queries {
            #expect(query.neighbors.count == missing + Set(donors).subtracting([""]).count)
        }
        _ = space
    }

    @Test(
        "through the graph, with rows of replaced cells, at every limit: exact answers are brute force's, others near")
    func graph() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        _ = try database.importEmbeddings([Fixture.long], options: ImportTests.options())
        _ = try database.importEmbeddings(
            [Fixture.vectors], options: ImportTests.options("X_other") { $0.onConflict = .replace })
        #expect(try database.info().index.deleted == 120 && database.info().index.indexed > 0)
        let stem = space.path("out")
        _ = try database.exportEmbeddings(to: stem + ".npy")
        _ = try database.exportObs(to: stem + ".tsv")
        let vectors = try NumPyArray(Data(contentsOf: URL(fileURLWithPath: stem + ".npy"))).rows.map {
            $0.map(Float.init)
        }
        let table = try String(contentsOfFile: stem + ".tsv", encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        let column = try #require(table[0].firstIndex(of: "part"))
        let ids = table.dropFirst().map { $0[0] }
        let parts = table.dropFirst().map { $0[column] }
        #expect(Set(parts).count > 2 && parts.contains(""))
        let oracle = BruteForce(vectors: vectors)
        var hits = 0
        var wanted = 0
        for most in [1, 3, 8] {
            for exact in [false, true] {
                var options = NearestOptions()
                options.k = 10
                options.exact = exact
                options.limit = .init(atMost: most, per: "part")
                let queries = stride(from: 0, to: ids.count, by: 113).map { $0 }
                let answer = try database.nearest(.cells(queries.map { ids[$0] }), options: options)
                #expect(answer.search.candidates > 0)
                for (query, found) in zip(queries, answer.queries) {
                    let ranked = oracle.nearest(to: vectors[query], among: ids.indices.filter { $0 != query })
                    let expected = Self.nearest(10, of: ranked, atMost: most, per: parts)
                    #expect(found.neighbors.count == expected.count)
                    let last = (expected.last?.distance ?? 0) + 1e-6
                    let near = found.neighbors.count { Double($0.distance) <= last }
                    if exact { #expect(near == expected.count) }
                    hits += near
                    wanted += expected.count
                    let counts = Dictionary(
                        grouping: found.neighbors.compactMap { ids.firstIndex(of: $0.cell) }.map { parts[$0] }
                    ) { $0 }
                    #expect(counts.allSatisfy { $0.key.isEmpty || $0.value.count <= most })
                }
            }
        }
        #expect(Double(hits) >= 0.97 * Double(wanted))
    }

    @Test("the answer is the same for any number of threads, and a limit of k or more changes nothing")
    func threads() throws {
        let (_, database, exports, _) = try NearestTests.twins()
        func answer(_ threads: Int, _ limit: NearestOptions.Limit?) throws -> [[String]] {
            var options = NearestOptions()
            options.threads = threads
            options.limit = limit
            return try database.nearest(.cells(exports.ids), options: options).queries.map { $0.neighbors.map(\.cell) }
        }
        let limit = NearestOptions.Limit(atMost: 2, per: "donor")
        #expect(try answer(1, limit) == answer(4, limit))
        #expect(try answer(1, limit) != answer(1, nil))
        #expect(try answer(1, .init(atMost: 10, per: "donor")) == answer(1, nil))
    }

    @Test("a limit below 1 and an unknown column are refused")
    func refusals() throws {
        let (_, database, exports, _) = try NearestTests.twins()
        for (limit, words) in [
            (NearestOptions.Limit(atMost: 0, per: "donor"), ["--at-most 0"]),
            (.init(atMost: 2, per: "donr"), ["--per donr", "donor"]),
        ] {
            var options = NearestOptions()
            options.limit = limit
            let error = #expect(throws: EmbDBError.self) {
                _ = try database.nearest(.cells([exports.ids[0]]), options: options)
            }
            #expect(error?.code == .usage)
            for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
        }
    }
}
