import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct FormatTests {
    /// A folder as Cell Ranger 3 writes it: three cells, four genes of the model and an antibody with a gene's name.
    private func folder(_ name: String, in bench: Workbench, counts: [Int] = [5, 3, 2, 7]) throws -> String {
        let path = bench.file(name)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let genes = [
            "ENSG00000155657\tTTN\tGene Expression", "ENSG00000092054\tMYH7\tGene Expression",
            "TTN\tTTN\tAntibody Capture",
            "ENSG00000136574\tGATA4\tGene Expression", "ENSG00000108821\tCOL1A1\tGene Expression",
        ]
        let entries = (1...3).flatMap { cell in
            ["1 \(cell) \(counts[0])", "2 \(cell) \(counts[1] + cell)", "3 \(cell) 100", "5 \(cell) \(counts[2])"]
        }
        func write(_ lines: [String], _ file: String) throws {
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
        }
        try write(genes, "features.tsv")
        try write(["AAAC-1", "AAAG-1", "AAAT-1"], "barcodes.tsv")
        try write(
            ["%%MatrixMarket matrix coordinate integer general", "5 3 \(entries.count)"] + entries, "matrix.mtx")
        return path
    }

    @Test("an .h5ad and an mtx folder go in together; what one has not is missing; antibodies are left out")
    func together() throws {
        let bench = try Workbench()
        let donor = try folder("donor", in: bench)
        let result = try bench.run(
            "ingest", bench.database, Workbench.fixture("cells"), donor, "--model", bench.model, "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(result.stderr.contains("1 of 5 features are no genes (Antibody Capture) and are left out"))
        let answer = try result.json()
        #expect(answer["cells_added"].int == 303)
        #expect(answer["genes_total"].int == 4)
        #expect(answer["gene_column"].string == "gene_ids")
        let neighbors = try bench.ask("nearest", "--cell", "AAAC-1", "-k", "2")
        #expect(neighbors["queries"][0]["neighbors"].array.count == 2)
        // The same folder again, and one with another count.
        let again = try bench.run("ingest", bench.database, donor, "--format", "json")
        #expect(try again.json()["cells_added"].int == 0)
        try bench.refused(
            1, ["ingest", bench.database, try folder("other", in: bench, counts: [6, 3, 2, 7])],
            saying: "AAAC-1", "--id-prefix")
    }

    @Test("equal barcodes of two donors are told apart by --id-prefix, and the error says so")
    func donors() throws {
        let bench = try Workbench()
        let (one, two) = (try folder("donor1", in: bench), try folder("donor2", in: bench, counts: [1, 9, 4, 7]))
        try bench.refused(
            1, ["ingest", bench.database, one, two, "--model", bench.model],
            saying: "AAAC-1", "donor1", "donor2", "each with its own --id-prefix")
        for (path, prefix) in [(one, "d1_"), (two, "d2_")] {
            let result = try bench.run(
                "ingest", bench.database, path, "--id-prefix", prefix, "--model", bench.model, "--format", "json")
            #expect(try result.json()["cells_added"].int == 3)
        }
        #expect(try bench.ask("info")["cells"].int == 6)
    }

    @Test("obs columns that cannot be read are left out with a warning, and refuse no file")
    func oddColumns() throws {
        let bench = try Workbench()
        let result = try bench.run(
            "ingest", bench.database, Workbench.fixture("odd"), "--model", bench.model, "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        for name in ["large", "pair", "short", "missing"] {
            #expect(result.stderr.contains("obs column \(name) is left out"), "\(result.stderr)")
        }
        #expect(result.stderr.contains("obs column link has the encoding array and is left out"))
        #expect(result.stderr.contains("1 of 240 features are no genes (Antibody Capture) and are left out"))
        let answer = try result.json()
        #expect(answer["cells_added"].int == 20)
        #expect(answer["genes_total"].int == 239 && answer["genes_matched"].int == 239)
        #expect(try bench.ask("info")["obs"].keys == ["cell_type"])
    }
}
