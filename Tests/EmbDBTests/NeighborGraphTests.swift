import EmbDB
import Foundation
import Testing

@Suite("the graph of nearest neighbors")
struct NeighborGraphTests {
    private static func options(_ change: (inout NeighborGraphOptions) -> Void = { _ in }) -> NeighborGraphOptions {
        var options = NeighborGraphOptions()
        change(&options)
        return options
    }

    /// What the .npz of an export holds.
    private struct File {
        let indices: NumPyArray
        let distances: NumPyArray
        let ids: [String]

        init(_ path: String) throws {
            let entries = try StoredZip.entries(Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(entries.keys.sorted() == ["distances.npy", "indices.npy"])
            indices = try NumPyArray(entries["indices.npy"] ?? Data())
            distances = try NumPyArray(entries["distances.npy"] ?? Data())
            ids = try String(contentsOfFile: path + ".ids.txt", encoding: .utf8).split(separator: "\n").map(String.init)
        }
    }

    @Test("neighbors are brute force's, also of twins; a cell is never its own; the export says the same")
    func bruteForce() throws {
        let (space, database, exports, oracle) = try NearestTests.twins()
        for exact in [false, true] {
            let options = Self.options {
                $0.k = 7
                $0.exact = exact
            }
            let graph = try database.neighborGraph(options: options)
            #expect(graph.cells == exports.ids && graph.k == 7)
            #expect(graph.indices.count == 7 * exports.ids.count && graph.distances.count == graph.indices.count)
            for row in exports.ids.indices {
                let others = exports.ids.indices.filter { $0 != row }
                let expected = oracle.nearest(to: exports.vectors[row], among: others)
                let found = graph.neighbors(of: row)
                #expect(found.count == 7 && Set(found.map(\.cell)).count == 7)
                for (neighbor, right) in zip(found, expected) {
                    #expect(neighbor.cell != row)
                    #expect(abs(Double(neighbor.distance) - right.distance) < 2e-6)
                    #expect(abs(oracle.distance(exports.vectors[row], neighbor.cell) - right.distance) < 1e-6)
                }
            }
            let path = space.path("knn-\(exact).npz")
            #expect(try database.exportNeighborGraph(to: path, options: options) == exports.ids.count)
            let file = try File(path)
            #expect(file.ids == exports.ids)
            #expect(file.indices.shape == [exports.ids.count, 7] && file.distances.shape == file.indices.shape)
            #expect(file.indices.values == graph.indices.map(Double.init))
            #expect(file.distances.values == graph.distances.map(Double.init))
        }
    }

    @Test("a selection is numbered anew; where there are fewer than k, -1 and infinity")
    func selection() throws {
        let (space, database, exports, oracle) = try NearestTests.twins()
        let kept = exports.ids.indices.filter { exports.obs[$0]["state"] == "sick" }
        let options = Self.options {
            $0.k = kept.count + 3
            $0.filter = #"state == "sick""#
        }
        let path = space.path("knn.npz")
        #expect(try database.exportNeighborGraph(to: path, options: options) == kept.count)
        let file = try File(path)
        #expect(file.ids == kept.map { exports.ids[$0] })
        for (cell, (indices, distances)) in zip(file.indices.rows, file.distances.rows).enumerated() {
            #expect(Set(indices.prefix(kept.count - 1)) == Set(kept.indices.filter { $0 != cell }.map(Double.init)))
            #expect(indices.suffix(4).allSatisfy { $0 == -1 } && distances.suffix(4).allSatisfy { $0 == .infinity })
            for (index, distance) in zip(indices, distances).prefix(kept.count - 1) {
                let right = oracle.distance(exports.vectors[kept[cell]], kept[Int(index)])
                #expect(abs(distance - right) < 2e-6)
            }
        }
    }

    @Test("rows of replaced cells are left out, and the graph's answers are near the exact ones, in several batches")
    func replaced() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        _ = try database.importEmbeddings([Fixture.long], options: ImportTests.options())
        _ = try database.importEmbeddings(
            [Fixture.vectors], options: ImportTests.options("X_other") { $0.onConflict = .replace })
        #expect(try database.info().index.deleted == 120)
        _ = try database.exportEmbeddings(to: space.path("out.npy"))
        let ids = try String(contentsOfFile: space.path("out.npy.ids.txt"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
        let found = try database.neighborGraph(options: Self.options { $0.k = 10 })
        let exact = try database.neighborGraph(
            options: Self.options {
                $0.k = 10
                $0.exact = true
                $0.threads = 1
            })
        #expect(found.cells == ids && exact.cells == ids && ids.count == 2720)
        #expect(found.indices.allSatisfy { (0..<2720).contains($0) })
        var hits = 0
        for cell in ids.indices {
            let farthest = exact.neighbors(of: cell).last?.distance ?? 0
            hits += found.neighbors(of: cell).count { $0.distance <= farthest }
        }
        #expect(Double(hits) >= 0.97 * Double(10 * ids.count))
        let single = try database.neighborGraph(
            options: Self.options {
                $0.k = 10
                $0.threads = 1
            })
        #expect(single.indices == found.indices && single.distances == found.distances)
    }

    @Test("what cannot be done is refused, stopped or not begun, and leaves nothing behind")
    func refusals() throws {
        let (space, database, _, _) = try NearestTests.twins()
        let folder = space.path("out")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func code(_ options: NeighborGraphOptions, to name: String = "x.npz", control: Control = Control())
            -> EmbDBError.Code?
        {
            do {
                _ = try database.exportNeighborGraph(to: folder + "/" + name, options: options, control: control)
                return nil
            } catch { return error.code }
        }
        #expect(code(Self.options { $0.k = 0 }) == .usage)
        #expect(code(Self.options { $0.k = 1_000_000 }) == .usage)
        #expect(code(Self.options { $0.filter = "state ==" }) == .expression)
        #expect(code(Self.options { $0.filter = "n_genes < 0" }) == .nothingFound)
        #expect(code(Self.options(), control: Control(isCancelled: { true })) == .cancelled)
        #expect(code(Self.options(), to: "no/x.npz") == .storage)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        let empty = try space.database("empty")
        let error = #expect(throws: EmbDBError.self) { _ = try empty.neighborGraph() }
        #expect(error?.code == .nothingFound)
    }
}
