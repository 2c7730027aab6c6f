import EmbDB
import Foundation
import TestSupport
import Testing

/// `Indexes` keeps a database of every released format, as its first release wrote it (Tools/make_format_index).
@Suite("files of released formats")
struct FormatTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Indexes").path

    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasPrefix("format-") && $0.hasSuffix(".embdb") && !$0.hasSuffix("-graph.embdb") }.sorted()

    /// A copy, since opening puts a lock file beside a database.
    private static func copy(_ name: String, in folder: TemporaryFolder) throws -> String {
        try FileManager.default.copyItem(atPath: Self.folder + "/" + name, toPath: folder.file(name))
        return folder.file(name)
    }

    @Test("there is one of format 1")
    func present() { #expect(Self.names.first == "format-1.embdb") }

    @Test("are whole, answer, and take more cells", arguments: names)
    func opened(_ name: String) throws {
        let folder = try TemporaryFolder()
        let path = try Self.copy(name, in: folder)
        #expect(try Database.verify(path).fault == nil)
        let database = try Database.open(path, access: .readWrite)
        let before = try database.info().summary
        var options = IngestOptions()
        options.idPrefix = "later-"
        #expect(try database.ingest([Fixture.other], options: options).cellsAdded == 30)
        let after = try database.info().summary
        #expect(after.cells == before.cells + 30)
        #expect(after.model?.sha256 == before.model?.sha256)
        let report = try Database.verify(path)
        #expect(report.fault == nil)
        #expect(report.cells == after.cells)
    }

    @Test("format 1 holds what its first release stored, and answers alike")
    func answers() throws {
        let folder = try TemporaryFolder()
        let database = try Database.open(try Self.copy("format-1.embdb", in: folder))
        let info = try database.info()
        #expect(info.format == 1)
        #expect(info.summary.cells == 65)
        #expect(info.index.deleted == 12)
        #expect(
            info.obs.map { "\($0.name) \($0.type)" } == [
                "state category", "donor category", "n_genes integer", "score number", "flag boolean", "note category",
                "batch category", "barcode category",
            ])

        var options = NearestOptions()
        options.k = 3
        let answer = try database.nearest(.cells(["cell-0"]), options: options)
        let neighbors = answer.queries[0].neighbors
        #expect(neighbors.map(\.cell) == ["cell-18", "cell-28", "cell-14"])
        let distances: [Float] = [0.002341628, 0.0040427446, 0.0042475462]
        #expect(zip(neighbors, distances).allSatisfy { abs($0.distance - $1) < 1e-6 })
        #expect(neighbors[0].obs.prefix(4).map(\.value.description) == ["healthy", "d3", "18", "-0.979"])
        #expect(neighbors[1].obs[3].value == .missing)

        // From the stored tokens and model: what the cells are without a gene.
        var knockouts = KnockoutOptions(from: #"state == "sick""#, to: #"state == "healthy""#)
        knockouts.genes = ["GENE1", "GENE2", "GENE11"]
        let ranking = try database.knockouts(options: knockouts).ranking.sorted { $0.shift > $1.shift }
        #expect(ranking.map(\.gene) == ["GENE1", "GENE2", "GENE11"])
        #expect(ranking.map(\.cells) == [13, 3, 18])
        let shifts = [0.00175620, 0.00164513, -0.00097731]
        #expect(zip(ranking, shifts).allSatisfy { abs($0.shift - $1) < 1e-5 })
    }

    @Test("the graph of format 1 is whole, finds what a comparison of all vectors finds, and can be compacted")
    func graph() throws {
        let folder = try TemporaryFolder()
        let path = try Self.copy("format-1-graph.embdb", in: folder)
        #expect(try Database.verify(path).fault == nil)
        let database = try Database.open(path, access: .readWrite)
        let info = try database.info().index
        #expect(info.indexed == 1100 && info.deleted == 85)

        let queries = NearestQuery.cells(stride(from: 7, to: 1100, by: 100).map { "cell-\($0)" })
        func answers(_ options: NearestOptions) throws -> (cells: [[String]], method: String) {
            let answer = try database.nearest(queries, options: options)
            return (answer.queries.map { $0.neighbors.map(\.cell) }, answer.search.method)
        }
        for filter in [nil, #"group != "g1""#, #"group in ["g2", "g3"]"#] {
            var options = NearestOptions()
            options.filter = filter
            let found = try answers(options)
            options.exact = true
            #expect(try found.cells == answers(options).cells, "\(filter ?? "all")")
            #expect(found.method == (filter == nil ? "graph" : found.method))
        }
        var options = NearestOptions()
        options.k = 3
        let first = try database.nearest(.cells(["cell-7"]), options: options).queries[0].neighbors
        #expect(first.map(\.cell) == ["cell-323", "cell-156", "cell-71"])
        #expect(zip(first, [0.080229, 0.089865, 0.101450] as [Float]).allSatisfy { abs($0.distance - $1) < 1e-6 })
        let before = try answers(NearestOptions()).cells

        _ = try database.compact()
        let after = try database.info().index
        #expect(after.indexed == 1015 && after.deleted == 0)
        #expect(try Database.verify(path).fault == nil)
        #expect(try answers(NearestOptions()).cells == before)
    }
}
