import CellTransformer
import Checkpoints
import EmbDB
import Foundation
import Numerics
import TestSupport
import Testing

@Suite("perturbations as files")
struct PerturbFileTests {
    private static let sick = #"state == "sick""#
    private static let healthy = #"state == "healthy""#

    @Test("an archive for NumPy has cells × perturbations, and NaN where a cell was not perturbed")
    func npz() throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: false)
        var options = PerturbOptions(cells: Self.sick, genes: nil)
        options.toward = Self.healthy
        let moved = try database.perturb(options: options)
        #expect(moved.positionCorrelation == nil)
        let path = oracle.space.path("all.npz")
        try moved.writeNPZ(path)
        let archive = try StoredZip.entries(try Data(contentsOf: URL(fileURLWithPath: path)))
        func unique(_ names: [String]) -> [String] {
            names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.element)
        }
        let (names, genes) = (unique(moved.results.map(\.cell)), unique(moved.results.compactMap(\.gene?.gene)))
        for (name, value) in [("similarity", \PerturbAnswer.Result.similarity), ("shift", \.shift!)] {
            let matrix = try NumPyArray(try #require(archive[name + ".npy"]))
            try #require(matrix.shape == [names.count, genes.count])
            #expect(matrix.values.count { !$0.isNaN } == moved.results.count)
            for result in moved.results {
                let place = try (
                    #require(names.firstIndex(of: result.cell)), #require(genes.firstIndex(of: result.gene?.gene ?? ""))
                )
                #expect(Float(matrix.rows[place.0][place.1]) == Float(result[keyPath: value]))
            }
        }
        let text = try #require(archive["cells.npy"])
        let width = names.map(\.count).max() ?? 0
        #expect(text.count == 128 + names.count * width * 4)
        #expect(Array(text[128..<132]) == [UInt8(ascii: names[0].unicodeScalars.first ?? "?"), 0, 0, 0])
    }

    @Test("an .h5ad has the matrices in obsm, and takes no other file's place")
    func h5ad() throws {
        let (oracle, database) = try PerturbOracle.ingested(isV2: false)
        var options = PerturbOptions(cells: Self.sick, genes: ["GENE1", "GENE2", "GENE3"])
        options.mode = .overexpress
        options.toward = Self.healthy
        let answer = try database.perturb(options: options)
        let path = oracle.space.path("shifts.h5ad")
        try database.exportPerturbations(answer, to: path)
        try database.exportPerturbations(answer, to: path)
        let target = try Workspace()
        let imported = try target.database()
        _ = try imported.importEmbeddings([path], options: .init(obsm: "perturbation_shift"))
        let exported = target.path("shifts.npy")
        _ = try imported.exportEmbeddings(to: exported)
        let matrix = try NumPyArray(try Data(contentsOf: URL(fileURLWithPath: exported)))
        #expect(matrix.shape == [answer.cells, 3])
        #expect(try imported.delete(where: Self.sick, dryRun: true).cellsDeleted == answer.cells)
        #expect(matrix.values.map { Float($0) } == answer.results.compactMap(\.shift).map { Float($0) })
        let other = oracle.space.path("other.h5ad")
        try FileManager.default.copyItem(atPath: Fixture.small, toPath: other)
        let error = #expect(throws: EmbDBError.self) { try database.exportPerturbations(answer, to: other) }
        #expect(error?.code == .usage)
        _ = try database.delete(where: Self.sick)
        let warnings = Log()
        try database.exportPerturbations(answer, to: path, control: Control(warning: { warnings.add($0) }))
        #expect(warnings.count == 1)
        let bare = try target.database("bare.embdb")
        _ = try bare.importEmbeddings([path], options: .init(obsm: "perturbation_shift"))
        #expect(throws: EmbDBError.self) { try bare.delete(where: Self.sick, dryRun: true) }
    }
}
