import AnnData
import EmbDB
import Foundation
import TestSupport
import Testing

/// What a new model takes from its cells before it learns: vocabulary and medians.
@Suite("Cells that a model is made from")
struct CorpusTests {
    private static let cells = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("EndToEndTests/Fixtures/cells.h5ad").path

    /// Cell id → Ensembl id → count / total × 10,000, read without any of the training.
    private func scaled() throws -> [String: [String: Double]] {
        let file = try CellFile(path: Self.cells)
        let ids = try file.obs.index.readTexts(rows: 0..<file.cellCount)
        let genes = try file.genes(of: "X")
        let names = try genes.column(named: "ensembl_id").readTexts(rows: 0..<genes.count)
        var reader = try file.countReader(layer: "X", rule: .counts)
        var batch = CountBatch()
        try reader.read(rows: 0..<file.cellCount, into: &batch)
        var result: [String: [String: Double]] = [:]
        for row in 0..<file.cellCount {
            let total = batch.entries(row).reduce(0) { $0 + batch.values[$1] }
            for entry in batch.entries(row) {
                let name = names[Int(batch.indices[entry])] ?? ""
                result[ids[row] ?? "", default: [:]][name] = batch.values[entry] / total * 10_000
            }
        }
        return result
    }

    private func table(_ path: String) throws -> [[String]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst().map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    @Test("a new model's genes are those of enough cells, with the non-zero medians of the cells not held out")
    func medians() throws {
        let folder = try TemporaryFolder()
        var options = PretrainOptions()
        (options.layers, options.hidden, options.heads, options.length, options.steps) = (1, 8, 1, 32, 1)
        (options.holdOut, options.minimumGenes, options.minimumCells) = (0.3, 1, 20)
        let report = try Training.pretrain([Self.cells], into: folder.file("model"), options: options)
        let heldOut = Set(try table(folder.file("model/held_out.tsv")).map { $0[1] })
        #expect(heldOut.count == report.heldOutCells && heldOut.count > 50 && heldOut.count < 130)

        var values: [String: [Double]] = [:]
        for (cell, genes) in try scaled() where !heldOut.contains(cell) {
            for (gene, value) in genes where value > 0 { values[gene, default: []].append(value) }
        }
        let rows = try table(folder.file("model/vocabulary.tsv"))
        #expect(rows.prefix(2).map { $0[1] } == ["<pad>", "<mask>"])
        let found = rows.dropFirst(2)
        #expect(found.map { $0[1] } == found.map { $0[1] }.sorted())
        // The fixture also has genes whose ids are not human ones.
        #expect(found.count > 100 && Set(found.map { $0[1] }).isSubset(of: values.filter { $0.value.count >= 20 }.keys))
        for row in found {
            let sorted = (values[row[1]] ?? []).sorted()
            let median = try #require(Double(row[3]))
            let (low, high) = (sorted[(sorted.count - 1) / 2], sorted[sorted.count / 2])
            #expect(median >= low * 0.984 && median <= high * 1.016, "\(row[1]): \(median), \(low) to \(high)")
        }
        #expect(report.genes == found.count && report.cells + report.heldOutCells == 300)
    }

    @Test("cells with few genes do not change medians")
    func panels() throws {
        let folder = try TemporaryFolder()
        func vocabulary(_ name: String, minimumGenes: Int, filter: String?) throws -> String {
            var options = PretrainOptions()
            (options.layers, options.hidden, options.heads, options.length, options.steps) = (1, 8, 1, 32, 1)
            (options.holdOut, options.minimumGenes, options.minimumCells) = (0, minimumGenes, 1)
            options.corpus.filter = filter
            _ = try Training.pretrain([Self.cells], into: folder.file(name), options: options)
            return try String(contentsOfFile: folder.file(name + "/vocabulary.tsv"), encoding: .utf8)
        }
        // obs n_genes counts what the file has; the genes of the program are fewer.
        let counts = try scaled().values.map(\.count).sorted()
        let limit = counts[counts.count / 2]
        let all = try vocabulary("all", minimumGenes: 1, filter: nil)
        let some = try vocabulary("some", minimumGenes: limit, filter: nil)
        #expect(all != some)
        #expect(throws: EmbDBError.self) { try vocabulary("none", minimumGenes: 10_000, filter: nil) }
    }
}
