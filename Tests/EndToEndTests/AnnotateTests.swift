import Foundation
import TestSupport
import Testing

/// Labels from neighbors, and queries from files.
@Suite(.serialized)
struct AnnotateTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench.filled()
    }

    private var more: String { Workbench.fixture("more") }

    @Test("one row a cell; several columns have their names before their keys")
    func json() throws {
        let result = try bench.run(
            "annotate", bench.database, more, "--label", "cell_type", "-k", "5", "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        let rows = try result.json().array
        #expect(rows.count == 40)
        let keys: Set = ["cell", "label", "confidence", "runner_up", "nearest_distance", "unknown"]
        for (number, row) in rows.enumerated() {
            #expect(row.keys.isSuperset(of: keys))
            #expect(row["cell"].string == "more\(number)")
            #expect(["cardiomyocyte", "fibroblast"].contains(row["label"].string))
            #expect((row["confidence"].double ?? 0) > 0.5 && (row["confidence"].double ?? 2) <= 1)
            #expect(row["runner_up"].isNull == (row["confidence"].double == 1))
            #expect(row["unknown"].bool != nil && row["nearest_distance"].double != nil)
            #expect(
                row["unknown"].bool
                    == ((row["nearest_distance"].double ?? 0) > (row["unknown_beyond"].double ?? .infinity)))
        }
        #expect(result.stderr.contains("40 cells labelled"))

        let two = try bench.ask(
            "annotate", more, "--label", "cell_type", "--label", "disease", "-k", "5", "--vote", "prior")
        #expect(two[0]["labels"].keys == ["cell_type", "disease"])
        #expect(two[0]["labels"]["disease"].keys == ["label", "confidence", "runner_up"])
        #expect(two[0]["labels"]["cell_type"]["label"].string == two[0]["label"].string)
        let table = try bench.run(
            "annotate", bench.database, more, "--label", "cell_type", "--label", "disease", "-k", "5", "--vote",
            "prior",
            "--format", "tsv")
        let lines = table.stdout.split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false)
        }
        #expect(
            lines[0] == [
                "cell", "label", "confidence", "runner_up", "nearest_distance", "unknown", "disease",
                "disease_confidence", "disease_runner_up",
            ])
        #expect(lines.count == 41 && lines.allSatisfy { $0.count == 9 })
        for (line, row) in zip(lines.dropFirst(), two.array) {
            #expect(line[0] == row["cell"].string ?? "" && line[1] == row["label"].string ?? "")
            #expect(Double(line[2]) == row["confidence"].double && Double(line[4]) == row["nearest_distance"].double)
            #expect(line[5] == (row["unknown"].bool == true ? "true" : "false"))
            #expect(line[6] == row["labels"]["disease"]["label"].string ?? "")
        }
    }

    @Test("--out FILE.tsv has what stdout would have had; stdout is empty")
    func out() throws {
        let options = [
            "annotate", bench.database, more, "--label", "cell_type", "--where", "weight < 5", "--vote", "distance",
        ]
        let shown = try CommandLineTool.embdb.run(options + ["--format", "tsv"])
        let written = try CommandLineTool.embdb.run(options + ["--out", bench.file("labels.tsv")])
        #expect(shown.exitCode == 0 && written.exitCode == 0 && written.stdout.isEmpty)
        #expect(written.stderr.contains("labels.tsv"))
        #expect(try String(contentsOfFile: bench.file("labels.tsv"), encoding: .utf8) == shown.stdout)
        #expect(shown.stdout.split(separator: "\n").count == 21)
    }

    @Test("--out FILE.h5ad is a copy with labels and embeddings; cells that were left out have none")
    func copy() throws {
        let file = Workbench.fixture("empty_cells")
        let target = bench.file("labelled.h5ad")
        let before = try Data(contentsOf: URL(fileURLWithPath: file))
        let written = try bench.run(
            "annotate", bench.database, file, "--label", "cell_type", "--label", "disease", "-k", "5", "--out", target)
        #expect(written.exitCode == 0 && written.stdout.isEmpty, "\(written.stderr)")
        #expect(written.stderr.contains("labelled.h5ad") && written.stderr.contains("2 of 12"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)
        let shown = try bench.ask("annotate", file, "--label", "cell_type", "--label", "disease", "-k", "5")
        // What was written is read back through the program: cells 3 and 7 have no embedding.
        let copy = bench.file("copy.embdb")
        try bench.refused(1, ["import", copy, target, "--obsm", "X_embdb"], saying: "NaN", "row 3")
        let known = "embdb_unknown is not missing"
        let imported = try bench.run("import", copy, target, "--obsm", "X_embdb", "--where", known)
        try #require(imported.exitCode == 0, "\(imported.stderr)")
        let rows = try Contents.obs(copy)
        #expect(rows.count == 10)
        for (row, cell) in zip(rows, shown.array) {
            #expect(row["cell"] == cell["cell"].string && row["embdb_cell_type"] == cell["label"].string)
            #expect(row["embdb_cell_type_confidence"].flatMap(Double.init) == cell["confidence"].double)
            #expect(row["embdb_cell_type_runner_up"] == cell["runner_up"].string ?? "")
            #expect(row["embdb_disease"] == cell["labels"]["disease"]["label"].string)
            #expect(row["embdb_unknown"] == (cell["unknown"].bool == true ? "True" : "False"))
            #expect(row["cell_type"] != nil, "the file's own columns are kept")
            let distance = row["embdb_nearest_distance"].flatMap(Double.init).map { Float($0) }
            #expect(distance == cell["nearest_distance"].double.map { Float($0) })
        }
        // The embeddings are those that an ingest would have made.
        let whole = bench.file("ingested.embdb")
        try bench.ingest("empty_cells", into: whole)
        for (database, name) in [(copy, "a.npy"), (whole, "b.npy")] {
            #expect(try bench.run("export", database, bench.file(name)).exitCode == 0)
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: bench.file("a.npy")))
                == Data(contentsOf: URL(fileURLWithPath: bench.file("b.npy"))))
        try bench.refused(
            64, ["annotate", bench.database, file, "--label", "cell_type", "--out", file], saying: "another")
    }

    @Test("what cannot be labelled, or written, is refused before anything is computed")
    func refusals() throws {
        let start = ["annotate", bench.database, more, "--label"]
        try bench.refused(64, start + ["cell_typ"], saying: "cell_typ", "did you mean cell_type")
        try bench.refused(64, start + ["score"], saying: "score", "numbers", "cell_type")
        try bench.refused(64, start + ["cell_type", "-k", "0"], saying: "-k")
        try bench.refused(64, start + ["cell_type", "--label", "cell_type"], saying: "cell_type", "once")
        try bench.refused(64, start + ["cell_type", "--vote", "loud"], saying: "loud")
        try bench.refused(64, start + ["cell_type", "--obsm", "X_model"], saying: "--obsm", "counts")
        try bench.refused(64, start + ["cell_type", "--out", bench.file("labels.csv")], saying: ".h5ad", ".tsv")
        try bench.refused(1, start + ["cell_type", "--out", bench.file("no/labels.tsv")], saying: "no/labels.tsv")
        try bench.refused(64, ["annotate", bench.database, more], saying: "--label")
        try bench.refused(1, start + ["cell_type", "--where", "diseas == 1"], saying: "diseas", "disease")
        try bench.refused(2, start + ["cell_type", "--where", "weight > 100"], saying: "weight > 100")
        try bench.refused(
            1, ["annotate", bench.database, Workbench.fixture("mouse"), "--label", "disease"], saying: "mouse")
        try bench.refused(
            1, ["annotate", bench.database, Workbench.fixture("nan"), "--label", "disease", "--layer", "X"],
            saying: "nan.h5ad", "149")
    }

    @Test("nearest --file: every cell of the file is a query, chosen and changed as stored ones are")
    func nearest() throws {
        let answer = try bench.ask("nearest", "--file", more, "-k", "2")
        #expect(answer["queries"].array.map { $0["query"].string } == (0..<40).map { "more\($0)" })
        #expect(answer["queries"].array.allSatisfy { $0["neighbors"].array.count == 2 && $0["perturbation"].isNull })
        let chosen = try bench.ask("nearest", "--file", more, "--cell", "more7", "--delete", "TTN", "-k", "2")
        #expect(chosen["queries"].array.map { $0["query"].string } == ["more7"])
        #expect(chosen["queries"][0]["perturbation"]["delete"].strings == ["TTN"])
        let selected = try bench.ask(
            "nearest", "--file", more, "--cells", "weight < 1", "--exclude-same", "cell_type", "-k", "4", "--where",
            "disease == \"DCM\"")
        #expect(selected["queries"].array.count == 4)
        for (number, query) in selected["queries"].array.enumerated() {
            let other = number % 2 == 0 ? "fibroblast" : "cardiomyocyte"
            #expect(query["neighbors"].array.count == 4)
            for cell in query["neighbors"].array {
                #expect(cell["obs"]["cell_type"].string == other && cell["obs"]["disease"].string == "DCM")
            }
        }
        // Two cells have no known gene.
        let thin = try bench.run(
            "nearest", bench.database, "--file", Workbench.fixture("empty_cells"), "--format", "json")
        #expect(thin.exitCode == 0 && thin.stderr.contains("2 of 12 cells"))
        #expect(try thin.json()["queries"].array.count == 10)
        let start = ["nearest", bench.database]
        try bench.refused(
            2, start + ["--file", Workbench.fixture("empty_cells"), "--cell", "thin3"], saying: "no cell has a gene")
        try bench.refused(64, start + ["--file", more, "--cell", "more1", "--cells", "weight < 1"], saying: "one way")
        try bench.refused(64, start + ["--file", more, "--vector", "a.npy"], saying: "one way")
        try bench.refused(64, start + ["--cell", "cell1", "--layer", "X"], saying: "--layer", "--file")
        try bench.refused(1, start + ["--file", more, "--cell", "moore1"], saying: "moore1", "more1")
    }

    @Test("a database of imported embeddings labels by the key that was imported, or by --obsm")
    func imported() throws {
        let database = bench.file("imported.embdb")
        let embedded = Workbench.fixture("embedded")
        let result = try bench.run("import", database, Workbench.fixture("many_embedded"), "--obsm", "X_model")
        try #require(result.exitCode == 0, "\(result.stderr)")
        for options in [[], ["--obsm", "X_model"]] {
            let labels = try CommandLineTool.embdb.run(
                ["annotate", database, embedded, "--label", "cell_type", "-k", "5", "--format", "json"] + options)
            #expect(labels.exitCode == 0, "\(labels.stderr)")
            for (number, row) in try labels.json().array.enumerated() {
                #expect(row["label"].string == (number % 2 == 0 ? "cardiomyocyte" : "fibroblast"))
                #expect(row["unknown"].bool == false)
            }
        }
        // Whole numbers and truth values are labels too; cell0 is its own neighbor.
        let itself = bench.file("itself.embdb")
        #expect(try bench.run("import", itself, embedded, "--obsm", "X_model").exitCode == 0)
        let ages = try CommandLineTool.embdb.run(
            ["annotate", itself, embedded, "--label", "age", "--label", "checked", "-k", "1", "--format", "json"])
        #expect(
            try ages.json()[0]["label"].string == "40" && ages.json()[0]["labels"]["checked"]["label"].string == "True")
        try bench.refused(
            64, ["annotate", database, embedded, "--label", "cell_type", "--obsm", "X_pair"], saying: "X_pair", "2", "8"
        )
        try bench.refused(1, ["annotate", database, more, "--label", "cell_type"], saying: "X_model", "more.h5ad")
    }
}
