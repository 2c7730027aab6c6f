import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct IngestTests {
    @Test("the report has the keys that people script against")
    func report() throws {
        let bench = try Workbench()
        let answer = try bench.ingest("cells")
        #expect(
            answer.keys.isSuperset(of: [
                "cells_added", "cells_skipped", "genes_matched", "genes_total", "truncated_cells", "layer",
                "gene_column", "seconds", "cells_per_second", "database",
            ]))
        #expect(answer["database"].keys.isSuperset(of: ["cells", "dimension", "model"]))
        #expect(answer["cells_added"].int == 300)
        #expect(answer["cells_skipped"].keys.isEmpty)
        #expect(answer["genes_matched"].int == 240)
        #expect(answer["genes_total"].int == 240)
        #expect(answer["truncated_cells"].int == 0)
        #expect(answer["layer"].string == "X")
        #expect(answer["gene_column"].string == "ensembl_id")
        #expect(answer["database"]["cells"].int == 300)
        #expect(answer["database"]["dimension"].int == 32)
        #expect(try #require(answer["seconds"].double) > 0)
    }

    @Test("stdout holds the answer alone, --quiet silences stderr, and tsv is tab separated")
    func streams() throws {
        let bench = try Workbench()
        let loud = try bench.run("ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model)
        #expect(loud.exitCode == 0)
        #expect(loud.stderr.contains("300 cells added"))
        #expect(loud.stderr.contains("untrained"))
        let quiet = try bench.run(
            "ingest", bench.database, Workbench.fixture("more"), "--quiet", "--format", "tsv")
        #expect(quiet.exitCode == 0)
        #expect(quiet.stderr.isEmpty)
        let lines = quiet.stdout.split(separator: "\n")
        #expect(lines.contains("cells added\t40"))
        #expect(lines.allSatisfy { $0.split(separator: "\t").count == 2 })
    }

    @Test("the same command again adds nothing and says so")
    func twice() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        let again = try bench.run(
            "ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model, "--format", "json")
        #expect(again.exitCode == 0)
        #expect(try again.json()["cells_added"].int == 0)
        #expect(again.stderr.contains("complete already"))
        #expect(try Contents(bench.database) == before)
        // What is in a file counts, not what it is called.
        let copy = bench.file("copy.h5ad")
        try FileManager.default.copyItem(atPath: Workbench.fixture("cells"), toPath: copy)
        let renamed = try bench.run("ingest", bench.database, copy, "--format", "json")
        #expect(renamed.exitCode == 0)
        #expect(try renamed.json()["cells_added"].int == 0)
        // Of several files, those that are complete are passed over.
        let several = try bench.run(
            "ingest", bench.database, copy, Workbench.fixture("more"), "--format", "json")
        #expect(several.exitCode == 0)
        #expect(try several.json()["cells_added"].int == 40)
        #expect(try several.json()["cells_skipped"]["already_present"].int == 300)
        let one = try bench.run("ingest", bench.database, Workbench.fixture("more"), "--format", "json")
        #expect(try one.json()["cells_added"].int == 0)
    }

    @Test("two files in one command are what two commands are, and columns that one of them lacks are missing")
    func twoFiles() throws {
        let bench = try Workbench()
        let one = bench.file("one.embdb")
        let both = try bench.run(
            "ingest", one, Workbench.fixture("cells"), Workbench.fixture("more"), "--model", bench.model, "--format",
            "json")
        #expect(both.exitCode == 0, "\(both.stderr)")
        #expect(try both.json()["cells_added"].int == 340)
        try bench.ingest("cells")
        try bench.ingest("more")
        let (together, apart) = (try Contents(one), try Contents(bench.database))
        #expect(together == apart)
        #expect(together.cells == (0..<300).map { "cell\($0)" } + (0..<40).map { "more\($0)" })

        let rows = together.rows
        #expect(rows[0]["batch"] == "")
        #expect(rows[0]["weight"] == "")
        #expect(rows[0]["donor"] == "D0")
        #expect(rows[302]["donor"] == "")
        #expect(rows[302]["score"] == "")
        #expect(rows[303]["batch"] == "B1")
        #expect(rows[302]["weight"] == "0.5")
        #expect(rows[302]["disease"] == "HCM")
        let missing = try bench.ask("nearest", "--cells", "donor is missing and batch == \"B0\"", "-k", "1")
        #expect(missing["queries"].array.count == 20)
    }

    @Test("obs values keep their type, and missing values stay missing")
    func obs() throws {
        let bench = try Workbench.filled()
        #expect(
            try bench.ask("info")["obs"].keys == [
                "cell_type", "disease", "donor", "n_genes", "score", "treated", "checked", "age", "cell state",
            ])
        let rows = try Contents(bench.database).rows
        for (row, values) in rows.enumerated() {
            #expect(values["cell"] == "cell\(row)")
            #expect(values["cell_type"] == (row % 2 == 0 ? "cardiomyocyte" : "fibroblast"))
            #expect(values["donor"] == (row % 10 == 9 ? "" : "D\(row % 4)"))
            #expect(values["n_genes"] == "\(100 + row * 7 % 90)")
            #expect(row % 7 == 6 ? values["score"] == "" : Double(values["score"] ?? "") == Double(row) / 8)
            #expect(values["treated"] == (row % 5 == 0 ? "True" : "False"))
            #expect(values["checked"] == (row % 6 == 5 ? "" : row % 2 == 0 ? "True" : "False"))
            #expect(values["age"] == (row % 8 == 7 ? "" : "\(40 + row % 30)"))
            #expect(values["cell state"] == "state \(row % 2)")
        }
        let obs = try bench.ask("nearest", "--cell", "cell0", "-k", "300")["queries"][0]["neighbors"].array.first {
            $0["cell"].string == "cell55"
        }?["obs"]
        #expect(obs?["treated"].bool == true)
        #expect(obs?["score"].isNull == true)
        #expect(obs?["age"].isNull == true)
        #expect(obs?["n_genes"].int == 125)
    }

    @Test("other data with ids that are there already is an error, unless it is to be skipped or to replace them")
    func conflict() throws {
        let bench = try Workbench.filled()
        let before = try Contents(bench.database)
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("changed")], saying: "cell0", "--on-conflict")
        #expect(try Contents(bench.database) == before)

        let skipped = try bench.ingest("changed", into: nil, "--on-conflict", "skip")
        #expect(skipped["cells_added"].int == 0)
        #expect(skipped["cells_skipped"]["already_present"].int == 30)
        #expect(try Contents(bench.database).obs == before.obs)

        let replaced = try bench.ingest("changed", into: nil, "--on-conflict", "replace")
        #expect(replaced["cells_added"].int == 30)
        #expect(replaced["database"]["cells"].int == 300)
        #expect(try bench.ask("info")["cells"].int == 300)
        #expect(try bench.ask("verify")["whole"].bool == true)
        let after = try Contents(bench.database)
        #expect(Set(after.cells) == Set(before.cells))
        #expect(after.cells.count == 300)
        #expect(after.rows.count { $0["disease"] == "recovered" } == 30)
        let (old, new) = (try before.vectors, try after.vectors)
        // The first 30 are gone, the others stand as they were.
        #expect(Array(old[30...]) == Array(new[..<270]))
        #expect(new[270...].allSatisfy { !old.contains($0) })
        let found = try bench.ask("nearest", "--cell", "cell3", "-k", "299")["queries"][0]["neighbors"].array
        #expect(found.count == 299)
        #expect(Set(found.compactMap { $0["cell"].string }).count == 299)

        // And back again: a replacement counts, whatever was ingested before.
        let back = try bench.ingest("cells", into: nil, "--on-conflict", "replace")
        #expect(back["cells_added"].int == 300)
        #expect(try bench.ask("info")["cells"].int == 300)
        #expect(try Contents(bench.database).obs == before.obs)
        #expect(try Contents(bench.database).embeddings == before.embeddings)
    }

    @Test("--id-prefix makes other cells of the same ids")
    func prefix() throws {
        let bench = try Workbench.filled()
        #expect(try bench.ingest("changed", into: nil, "--id-prefix", "again_")["cells_added"].int == 30)
        #expect(try Contents(bench.database).cells.suffix(30) == (0..<30).map { "again_cell\($0)" }[...])
        #expect(
            try bench.ask("nearest", "--cell", "again_cell3", "-k", "2")["queries"][0]["query"].string == "again_cell3")
    }

    @Test("--where and --sample ingest some of the cells, with the vectors that they have among all")
    func some() throws {
        let bench = try Workbench.filled()
        let all = try Contents(bench.database)
        let vectors = Dictionary(uniqueKeysWithValues: zip(all.cells, try all.vectors))

        let chosen = bench.file("chosen.embdb")
        let filter = "disease == \"DCM\" and not (treated == true) and score is not missing"
        let answer = try bench.ingest("cells", into: chosen, "--where", filter)
        let expected = (0..<300).filter { $0 % 3 == 0 && $0 % 5 != 0 && $0 % 7 != 6 }.map { "cell\($0)" }
        #expect(answer["cells_added"].int == expected.count)
        let subset = try Contents(chosen)
        #expect(subset.cells == expected)
        for (cell, vector) in zip(subset.cells, try subset.vectors) { #expect(vectors[cell] == vector) }

        let drawn = bench.file("drawn.embdb")
        #expect(try bench.ingest("cells", into: drawn, "--sample", "50")["cells_added"].int == 50)
        let sample = try Contents(drawn)
        #expect(Set(sample.cells).count == 50)
        for (cell, vector) in zip(sample.cells, try sample.vectors) { #expect(vectors[cell] == vector) }
        let other = bench.file("other.embdb")
        try bench.ingest("cells", into: other, "--sample", "50", "--seed", "9")
        #expect(try Contents(other).cells != sample.cells)

        let nobody = try bench.refused(
            2,
            [
                "ingest", bench.file("no.embdb"), Workbench.fixture("cells"), "--model", bench.model, "--where",
                "age > 400",
            ])
        #expect(!nobody.stderr.isEmpty)
    }

    @Test("counts in layers/counts are found where X is normalized, and Ensembl ids with versions in the index")
    func layers() throws {
        let bench = try Workbench()
        let answer = try bench.ingest("layers")
        #expect(answer["layer"].string == "layers/counts")
        #expect(answer["gene_column"].string == "index")
        #expect(answer["genes_matched"].int == 240)
        try bench.refused(
            1, ["ingest", bench.file("x.embdb"), Workbench.fixture("layers"), "--model", bench.model, "--layer", "X"],
            saying: "layers.h5ad", "X", "row 0", "whole number")
        let normalized = try bench.ingest(
            "layers", into: bench.file("n.embdb"), "--layer", "X", "--values", "normalized")
        #expect(normalized["layer"].string == "X")
    }

    @Test("cells without a known gene are counted and left out")
    func emptyCells() throws {
        let bench = try Workbench()
        let answer = try bench.ingest("empty_cells")
        #expect(answer["cells_added"].int == 10)
        #expect(answer["cells_skipped"]["no_known_gene"].int == 2)
        #expect(try Contents(bench.database).cells == (0..<12).filter { $0 != 3 && $0 != 7 }.map { "thin\($0)" })
    }

    @Test("cells with more genes than the model reads are cut and counted")
    func truncated() throws {
        let bench = try Workbench(.init(maximumLength: 40))
        let cut = try #require(try bench.ingest("cells")["truncated_cells"].int)
        #expect(cut > 100)
        let indptr = try #require(try NumPyFile.archive(Contents(bench.database).tokens)["indptr.npy"]).int64
        let lengths = zip(indptr.dropFirst(), indptr).map { $0 - $1 }
        #expect(lengths.max() == 40)
        #expect(lengths.count { $0 == 40 } >= cut)
    }

    @Test("an empty file and a missing one become a database")
    func emptyDatabase() throws {
        let bench = try Workbench()
        #expect(FileManager.default.createFile(atPath: bench.database, contents: Data()))
        try bench.refused(1, ["info", bench.database], saying: "empty", "cells.embdb")
        try bench.refused(1, ["nearest", bench.database, "--cell", "cell0"], saying: "empty", "cells.embdb")
        #expect(try bench.ingest("cells")["database"]["cells"].int == 300)
        #expect(try bench.ask("verify")["whole"].bool == true)
        try bench.refused(1, ["info", bench.file("none.embdb")], saying: "none.embdb")
    }

    @Test("two runs, and one and two threads, give the same bytes")
    func reproducible() throws {
        let bench = try Workbench()
        var contents: [Contents] = []
        var answers: [String] = []
        for (number, threads) in ["1", "1", "2", "3"].enumerated() {
            let database = bench.file("\(number).embdb")
            try bench.ingest("cells", into: database, "--threads", threads)
            try bench.ingest("more", into: database, "--threads", threads)
            contents.append(try Contents(database))
            var text = ""
            for arguments in [
                ["nearest", database, "--cells", "disease == \"HCM\"", "-k", "7"],
                ["nearest", database, "--cell", "cell4", "--delete", "TTN,MYH7", "--overexpress", "GATA4"],
                [
                    "knockouts", database, "--from", "disease == \"HCM\"", "--to", "disease == \"normal\"", "--genes",
                    "TTN,NPPA,DCN",
                ],
            ] {
                let result = try CommandLineTool.embdb.run(arguments + ["--threads", threads, "--format", "json"])
                #expect(result.exitCode == 0, "\(result.stderr)")
                // Time is the only thing that may differ.
                text += result.stdout.split(separator: "\n").filter { !$0.contains("\"seconds\"") }.joined(
                    separator: "\n")
            }
            answers.append(text)
        }
        #expect(contents.dropFirst().allSatisfy { $0 == contents[0] })
        #expect(Set(answers).count == 1)
    }
}
