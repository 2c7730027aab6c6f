import Foundation
import TestSupport
import Testing

/// Gene embeddings and perturbations.
@Suite(.serialized)
struct GeneVerbTests {
    @Test("genes: the keys that people script against, groups at ingest and after the fact, exit codes")
    func genes() throws {
        let bench = try Workbench()
        try bench.ingest("cells", into: bench.database, "--group-genes-by", "cell_type")
        for group in [nil, "fibroblast"] {
            let result = try CommandLineTool.embdb.run(
                ["genes", bench.database, "--gene", "TTN", "-k", "5", "--format", "json"]
                    + (group.map { ["--group", $0] } ?? []))
            #expect(result.exitCode == 0, "\(result.stderr)")
            let answer = try result.json()
            #expect(answer.keys == ["gene", "gene_id", "group", "neighbors"])
            #expect(answer["gene"].string == "TTN" && answer["gene_id"].string == "ENSG00000155657")
            #expect(answer["group"].string == group)
            let neighbors = answer["neighbors"].array
            #expect(neighbors.map { $0["rank"].int } == [1, 2, 3, 4, 5])
            let most = group == nil ? 300 : 150
            for neighbor in neighbors {
                #expect(neighbor.keys == ["rank", "gene", "gene_id", "similarity", "cells"])
                #expect((1...most).contains(neighbor["cells"].int ?? 0))
            }
            let similarities = neighbors.compactMap { $0["similarity"].double }
            #expect(similarities == similarities.sorted(by: >) && (similarities.first ?? 2) <= 1)
        }
        let tsv = try bench.run("genes", bench.database, "--gene", "ENSG00000155657", "--format", "tsv", "-k", "3")
        #expect(tsv.stdout.split(separator: "\n").first == "rank\tgene\tgene_id\tsimilarity\tcells")
        #expect(tsv.stdout.split(separator: "\n").count == 4)

        let info = try bench.ask("info")["gene_embeddings"]
        #expect(info["cells"].int == 300 && info["outdated"].int == 0 && info["grouped_by"].string == "cell_type")
        #expect(info["groups"].array.compactMap { $0["group"].string } == ["cardiomyocyte", "fibroblast"])
        #expect(info["groups"].array.compactMap { $0["cells"].int } == [150, 150])

        let path = bench.database
        try bench.refused(64, ["genes", path], saying: "--gene")
        try bench.refused(64, ["genes", path, "--gene", "TTN", "-k", "0"], saying: "-k 0")
        try bench.refused(1, ["genes", path, "--gene", "TTNN"], saying: "TTN")
        try bench.refused(64, ["genes", path, "--gene", "TTN", "--group", "fibroblas"], saying: "fibroblast")
        try bench.refused(64, ["genes", path, "--gene", "TTN", "--group-genes-by", "cel_type"], saying: "cell_type")
        try bench.refused(64, ["genes", path, "--gene", "TTN", "--group-genes-by", "score"], saying: "score")
        let none = try bench.run("genes", path, "--gene", "TTN", "--min-cells", "301")
        #expect(none.exitCode == 2)

        // Another column, after the fact: the cost is said, and paid once.
        let prepared = try bench.run("genes", path, "--group-genes-by", "disease", "--format", "json")
        #expect(prepared.exitCode == 0 && prepared.stderr.contains("300 cells"))
        #expect(try prepared.json()["groups"].array.compactMap { $0["cells"].int } == [100, 200])
        let asked = try bench.run("genes", path, "--gene", "TTN", "--group", "DCM")
        #expect(asked.exitCode == 0 && !asked.stderr.contains("computed"))
        #expect(try bench.ask("verify")["whole"].bool == true)
    }

    @Test("grouping after the fact fails where the file may not grow, and the database shows what it showed before")
    func notStored() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        let size = try #require(
            FileManager.default.attributesOfItem(atPath: bench.database)[.size] as? Int)
        // POSIX counts in blocks of 512 bytes; without the signal a write beyond the limit is an error.
        let script = """
            trap '' XFSZ; ulimit -f \(size / 512)
            exec '\(CommandLineTool.embdb.path)' genes '\(bench.database)' --group-genes-by disease
            """
        let result = try CommandLineTool(path: "/bin/sh").run(["-c", script])
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.stdout.isEmpty)
        #expect(result.lastErrorLine.hasPrefix("embdb: the file may not grow further"), "\(result.stderr)")
        #expect(try Contents(bench.database) == before)
        #expect(try bench.ask("info")["gene_embeddings"]["groups"].array.isEmpty)
        #expect(try bench.ask("verify")["whole"].bool == true)
    }

    @Test("--genes @FILE: a gene a line, with remarks, empty lines and line ends of either kind; each gene counts once")
    func geneFile() throws {
        let bench = try Workbench.filled()
        let list = bench.file("genes.txt")
        let perturb = ["perturb", bench.database, "--cells", #"cell == "cell0""#, "--mode", "overexpress"]
        let rank = ["knockouts", bench.database, "--from", "disease == \"DCM\"", "--to", "disease == \"normal\""]
        func ask(_ text: String) throws -> [String?] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: list))
            let result = try CommandLineTool.embdb.run(perturb + ["--genes", "@\(list)", "--format", "json"])
            #expect(result.exitCode == 0, "\(result.stderr)")
            let answer = try result.json()
            #expect(answer["results"].array.count == answer["genes"].array.count)
            return answer["genes"].array.map { $0["gene"].string }
        }
        let names = ["TTN", "NPPA", "GATA4"]
        for end in ["\n", "\r\n"] {
            let lines = [
                "# what the paper names", "", "TTN", "  NPPA\t# natriuretic", "#MYH7", "   ", "TTN",
                "ENSG00000136574.9", "GATA4",
            ]
            #expect(try ask(lines.joined(separator: end)) == names)
            #expect(try ask(lines.joined(separator: end) + end) == names)
        }
        // The byte order mark of editors for Windows.
        #expect(try ask("\u{FEFF}TTN\r\nNPPA\r\n") == ["TTN", "NPPA"])
        let ranked = try CommandLineTool.embdb.run(
            rank + ["--max-cells", "6", "--genes", "@\(list)", "--format", "json"])
        #expect(Set(try ranked.json()["ranking"].array.compactMap { $0["gene"].string }).isSubset(of: ["TTN", "NPPA"]))

        for verb in [perturb, rank] {
            for text in ["", "\n\n", "# TTN\n"] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: list))
                try bench.refused(64, verb + ["--genes", "@\(list)"], saying: "genes.txt", "names no gene")
            }
            try Data("TTN\nTTNN # no gene\n".utf8).write(to: URL(fileURLWithPath: list))
            try bench.refused(1, verb + ["--genes", "@\(list)"], saying: "TTNN", "TTN")
            for name in [bench.file("none.txt"), bench.folder.path, ""] {
                try bench.refused(64, verb + ["--genes", "@\(name)"], saying: "--genes @\(name)", "cannot be read")
            }
        }
    }

    @Test("export --genes: .npy with ids and .tsv, also of a group")
    func export() throws {
        let bench = try Workbench.filled()
        let (npy, tsv) = (bench.file("genes.npy"), bench.file("genes.tsv"))
        #expect(try bench.run("export", bench.database, npy, "--genes").exitCode == 0)
        #expect(try bench.run("export", bench.database, tsv, "--genes").exitCode == 0)
        let array = try NumPyFile(Data(contentsOf: URL(fileURLWithPath: npy)))
        let ids = try String(contentsOfFile: npy + ".ids.txt", encoding: .utf8).split(separator: "\n")
        let table = try String(contentsOfFile: tsv, encoding: .utf8).split(separator: "\n")
        #expect(array.shape == [ids.count, 32] && (100...240).contains(ids.count))
        #expect(table.first == "gene\tgene_id\tcells" && table.count == ids.count + 1)
        #expect(zip(table.dropFirst(), ids).allSatisfy { $0.split(separator: "\t")[1] == $1 })
        let part = try bench.run(
            "export", bench.database, npy, "--genes", "--group-genes-by", "disease", "--group", "DCM")
        #expect(part.exitCode == 0 && part.stderr.contains("300 cells"))
        try bench.refused(64, ["export", bench.database, npy, "--group", "DCM"], saying: "--genes")
        try bench.refused(64, ["export", bench.database, bench.file("x.npz"), "--genes", "--tokens"])
        try bench.refused(64, ["export", bench.database, bench.file("x.csv"), "--genes"], saying: "x.csv")
    }

    @Test("a killed and resumed ingest exports the same gene embeddings")
    func killed() throws {
        let bench = try Workbench(.slow)
        let whole = bench.file("whole.embdb")
        func exported(_ database: String) throws -> [Data] {
            try [nil, "DCM", "normal"].map { group in
                let file = bench.file(UUID().uuidString + ".npy")
                let result = try CommandLineTool.embdb.run(
                    ["export", database, file, "--genes"] + (group.map { ["--group", $0] } ?? []))
                #expect(result.exitCode == 0 && !result.stderr.contains("computed"), "\(result.stderr)")
                return try Data(contentsOf: URL(fileURLWithPath: file))
            }
        }
        try bench.ingest("cells", into: whole, "--group-genes-by", "disease")
        let process = try CommandLineTool.embdb.start([
            "ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model, "--group-genes-by", "disease",
        ])
        _ = try bench.stopWithPendingCells(process)
        process.send(SIGKILL)
        #expect(try process.wait().exitCode == 128 + SIGKILL)
        try bench.ingest("cells")
        let isEqual = try exported(bench.database) == exported(whole)
        #expect(isEqual)
    }

    @Test("perturb: the keys, tables and exit codes that people script against")
    func perturb() throws {
        let bench = try Workbench.filled()
        let cells = "disease == \"DCM\" and n_genes < 110"
        let answer = try bench.ask(
            "perturb", "--cells", cells, "--genes", "TTN,NPPA", "--toward", "disease == \"normal\"")
        #expect(answer.keys.isSuperset(of: ["mode", "genes", "cells", "seconds", "forwards", "results"]))
        let count = (0..<300).count { $0 % 3 == 0 && 100 + $0 * 7 % 90 < 110 }
        #expect(answer["cells"].int == count && answer["mode"].string == "delete")
        #expect(answer["genes"].array.map { $0["gene"].string } == ["TTN", "NPPA"])
        let results = answer["results"].array
        #expect(!results.isEmpty && results.count + (answer["left_out"].int ?? 0) == 2 * count)
        for result in results {
            #expect(
                result.keys.isSuperset(of: ["cell", "gene", "gene_id", "position", "similarity", "shift"]))
            #expect((result["position"].int ?? -1) >= 0)
            #expect((result["similarity"].double ?? 2) <= 1 + 1e-12)
        }
        let together = try bench.run(
            "perturb", bench.database, "--cells", cells, "--genes", "TTN,NPPA", "--together", "--mode", "overexpress",
            "--format", "tsv", "--max-cells", "3")
        #expect(together.exitCode == 0, "\(together.stderr)")
        #expect(together.stdout.split(separator: "\n").count == 4)
        #expect(together.stdout.hasPrefix("cell\tgene\tgene_id\tposition\tfound\tsimilarity\tshift\n"))
        let out = bench.file("out.json")
        let written = try bench.run(
            "perturb", bench.database, "--cells", cells, "--genes", "TTN", "--out", out)
        #expect(written.exitCode == 0 && written.stdout.isEmpty)
        #expect(try String(contentsOfFile: out, encoding: .utf8).contains("\"similarity\""))
        let path = bench.database
        try bench.refused(1, ["perturb", path, "--cells", cells, "--genes", "TTNN"], saying: "TTN")
        try bench.refused(2, ["perturb", path, "--cells", "age > 900", "--genes", "TTN"], saying: "--cells")
        try bench.refused(1, ["perturb", path, "--cells", "agee > 9", "--genes", "TTN"], saying: "age")
        try bench.refused(64, ["perturb", path, "--cells", cells], saying: "--genes")
        try bench.refused(
            64, ["perturb", path, "--cells", cells, "--genes", "all", "--together"], saying: "--together")
        try bench.refused(64, ["perturb", path, "--cells", cells, "--genes", "TTN", "--mode", "suppress"])
    }
}
