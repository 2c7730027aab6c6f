import EmbDB
import Foundation
import HNSW
import LMDBStore
import Testing

@Suite("the index")
struct IndexTests {
    static let graph = BlockColumn(
        name: "graph.level0", rowsPerBlock: 8192, stride: GraphLayout.stride, kind: 0x6772_6C30)
    static let meta = Table<String, [UInt8]>("meta")

    private static func options(_ change: (inout NearestOptions) -> Void = { _ in }) -> NearestOptions {
        var options = NearestOptions()
        change(&options)
        return options
    }

    /// The share of the true neighbors that the default search finds; every distance must be the true one.
    private static func recall(_ database: Database, _ exports: Exports, method: String) throws -> Double {
        let queries = stride(from: 0, to: exports.ids.count, by: exports.ids.count / 40).map { exports.ids[$0] }
        let found = try database.nearest(.cells(queries))
        let exact = try database.nearest(.cells(queries), options: options { $0.exact = true })
        #expect(found.search.method == method)
        #expect(exact.search.method == "exact" && exact.search.exact)
        var hits = 0.0
        for (query, truth) in zip(found.queries, exact.queries) {
            let row = try #require(exports.ids.firstIndex(of: query.name))
            let oracle = BruteForce(vectors: exports.vectors)
            let others = exports.ids.indices.filter { $0 != row }
            NearestTests.expectSame(
                truth.neighbors, oracle.nearest(to: exports.vectors[row], among: others), exports, k: 10)
            #expect(query.neighbors.count == 10)
            for cell in query.neighbors {
                let other = try #require(exports.ids.firstIndex(of: cell.cell))
                #expect(abs(Double(cell.distance) - oracle.distance(exports.vectors[row], other)) < 2e-6)
                #expect(other != row)
            }
            let farthest = truth.neighbors.last?.distance ?? 0
            hits += Double(query.neighbors.count { $0.distance <= farthest })
        }
        return hits / Double(10 * queries.count)
    }

    @Test("grows from a tail: built, left alone, extended; answers agree with exact ones all the way")
    func growing() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.large]) { $0.filter = #"part == "one""# }
        #expect(try database.info().index.indexed == 1200)
        #expect(try Self.recall(database, space.exports(database), method: "graph") >= 0.97)

        _ = try database.ingest([Fixture.large], options: space.options { $0.filter = #"part == "tail""# })
        let info = try database.info()
        #expect(info.index.indexed == 1200 && info.index.tail == 200)
        #expect((info.index.recommendedEf ?? 0) > 0)
        #expect(try Self.recall(database, space.exports(database), method: "graph") >= 0.97)

        _ = try database.ingest([Fixture.large], options: space.options { $0.filter = #"part == "two""# })
        #expect(try database.info().index.indexed == 2500)
        let exports = try space.exports(database)
        #expect(try Self.recall(database, exports, method: "graph") >= 0.97)
        #expect(try Database.verify(database.path).fault == nil)

        // In one go: the same rows and embeddings.
        let once = try space.ingested([Fixture.large], name: "once")
        #expect(try space.exports(once) == exports)
        #expect(try once.info().index.indexed == 2500)

        // Filters of several sizes, through the graph and past it.
        for filter in [#"part != "tail""#, #"group == "g1""#, #"part == "tail" and group == "g2""#] {
            let found = try database.nearest(.cells([exports.ids[5]]), options: Self.options { $0.filter = filter })
            let truth = try database.nearest(
                .cells([exports.ids[5]]),
                options: Self.options {
                    $0.filter = filter
                    $0.exact = true
                })
            #expect(found.queries[0].neighbors.map(\.cell) == truth.queries[0].neighbors.map(\.cell))
        }
    }

    @Test("is derived data: without it, or with its record damaged, cells are scanned; the next ingest builds it again")
    func derived() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.large])
        let exports = try space.exports(database)
        let spoilers: [(String, (inout WriteTransaction) throws -> Void)] = [
            ("no rows", { try Table<UInt32, [UInt8]>(Self.graph.name).removeAll(in: &$0) }),
            ("no numbers", { try Table<UInt32, [UInt8]>("graph.number").removeAll(in: &$0) }),
            ("no record", { try Self.meta.remove("index", in: &$0) }),
            (
                "a damaged record",
                { transaction in
                    var record = try #require(try Self.meta.value(for: "index", in: transaction))
                    record[9] ^= 1
                    try Self.meta.put(record, for: "index", in: &transaction)
                }
            ),
            (
                "a damaged header",
                { transaction in
                    let table = Table<UInt32, [UInt8]>(Self.graph.name)
                    var block = try #require(try table.value(for: 0, in: transaction))
                    block[0] ^= 0xFF
                    try table.put(block, for: 0, in: &transaction)
                }
            ),
        ]
        for (what, spoil) in spoilers {
            do {
                let environment = try Environment.open(database.path, mode: .readWrite)
                try environment.write { try spoil(&$0) }
            }
            #expect(try database.info().index.indexed == 0, "\(what)")
            #expect(try Self.recall(database, exports, method: "exact") == 1, "\(what)")
            let report = try Database.verify(database.path)
            #expect((report.fault == nil) == (what == "no record"), "\(what): \(report.fault ?? "whole")")
            // Any ingest does, also one that is complete already.
            #expect(try database.ingest([Fixture.large], options: space.options()).wasComplete)
            #expect(try database.info().index.indexed == 2500, "\(what)")
            #expect(try Self.recall(database, exports, method: "graph") >= 0.97, "\(what)")
            #expect(try Database.verify(database.path).fault == nil, "\(what)")
        }
    }

    @Test("damaged links give true distances and no crash, and verify names the graph")
    func damagedLinks() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.large])
        let exports = try space.exports(database)
        let environment = try Environment.open(database.path, mode: .readWrite)
        var rows = try environment.read { try Self.graph.rows(0..<2500, in: $0) }
        for index in stride(from: 0, to: rows.count, by: 7) { rows[index] ^= 0x55 }
        let damaged = rows
        // With right checksums: only a look at the links can tell.
        try environment.write { transaction in
            try damaged.withUnsafeBytes { try Self.graph.replaceAll($0, in: &transaction) }
        }
        let answer = try database.nearest(.cells(Array(exports.ids.prefix(50))))
        for query in answer.queries {
            let row = try #require(exports.ids.firstIndex(of: query.name))
            for cell in query.neighbors {
                let other = try #require(exports.ids.firstIndex(of: cell.cell))
                #expect(abs(Double(cell.distance) - 1 + cosine(exports.vectors[row], exports.vectors[other])) < 2e-6)
            }
        }
        let fault = try Database.verify(database.path).fault
        #expect(fault != nil)
        #expect(fault?.contains("graph") == true || fault?.contains("link") == true, "\(fault ?? "")")
    }
}
