import Foundation
import TestSupport
import Testing

/// Databases of embeddings that were made elsewhere.
@Suite(.serialized)
struct ImportTests {
    let bench: Workbench

    init() throws { bench = try Workbench() }

    private func bring(_ options: String..., fixture: String = "embedded") throws -> CommandResult {
        try CommandLineTool.embdb.run(
            ["import", bench.database, Workbench.fixture(fixture), "--obsm", "X_model", "--format", "json"] + options)
    }

    @Test("the JSON is that of ingest without the gene keys; the same again adds nothing and says so")
    func report() throws {
        let first = try bring("--metric", "l2")
        try #require(first.exitCode == 0, "\(first.stderr)")
        let answer = try first.json()
        #expect(
            answer.keys == [
                "cells_added", "cells_skipped", "truncated_cells", "layer", "seconds", "cells_per_second", "database",
            ])
        #expect(answer["cells_added"].int == 60 && answer["layer"].string == "obsm/X_model")
        #expect(answer["database"]["dimension"].int == 8 && answer["database"]["model"].isNull)
        #expect(answer["database"].keys == ["cells", "dimension", "model"])
        let again = try bring()
        #expect(again.exitCode == 0 && again.stderr.contains("complete already"))
        #expect(try again.json()["cells_added"].int == 0)

        let info = try bench.ask("info")
        #expect(info["embeddings"].keys == ["layer", "pool", "obsm", "metric"])
        #expect(info["embeddings"]["layer"].isNull && info["embeddings"]["pool"].isNull)
        #expect(info["embeddings"]["obsm"].string == "X_model" && info["embeddings"]["metric"].string == "l2")
        #expect(info["obs"]["age"].string == "integer" && info["obs"]["checked"].string == "boolean")
        #expect(try bench.ask("verify")["whole"].bool == true)
        let table = try bench.run("info", bench.database)
        #expect(table.stdout.contains("imported from obsm X_model"))

        let nearest = try bench.ask("nearest", "--cell", "cell4", "-k", "3")["queries"][0]["neighbors"]
        #expect(nearest.array.count == 3 && nearest[0]["similarity"].isNull)
        #expect(nearest.array.allSatisfy { $0["obs"]["cell_type"].string == "cardiomyocyte" })
        let file = bench.file("cells.npy")
        #expect(try bench.run("export", bench.database, file).exitCode == 0)
        #expect(try NumPyFile(Data(contentsOf: URL(fileURLWithPath: file))).rows.count == 60)
    }

    @Test("wrong usage and wrong input: exit code, one line that says why, and a database as before")
    func refusals() throws {
        try #require(try bring().exitCode == 0)
        let before = try Contents.info(bench.database)
        let fixture = Workbench.fixture("embedded")
        let many = Workbench.fixture("many_embedded")
        let start = ["import", bench.database]
        try bench.refused(64, start + [many, "--obsm", "X_model", "--metric", "ip"], saying: "cosine", "ip")
        try bench.refused(64, start + [many, "--obsm", "X_pair"], saying: "2 dimensions", "8", "X_pair")
        try bench.refused(1, start + [many, "--obsm", "X_modell"], saying: "X_modell", "X_model")
        try bench.refused(1, start + [fixture, "--obsm", "X_model", "--where", "age > 50"], saying: "--on-conflict")
        try bench.refused(64, start + [many], saying: "--obsm")
        try bench.refused(64, start + [many, "--obsm", "X_model", "--metric", "euclid"], saying: "euclid")
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model], saying: "imported",
            "X_model")
        try bench.refused(1, ["nearest", bench.database, "--cell", "cell1", "--delete", "TTN"], saying: "no model")
        try bench.refused(
            1,
            ["knockouts", bench.database, "--from", "disease == \"DCM\"", "--to", "disease == \"normal\""],
            saying: "no model")
        try bench.refused(1, ["export", bench.database, bench.file("t.npz"), "--tokens"], saying: "no model")
        #expect(try Contents.info(bench.database) == before)
        let counts = bench.file("counts.embdb")
        try bench.ingest("cells", into: counts)
        try bench.refused(1, ["import", counts, fixture, "--obsm", "X_model"], saying: "model")
    }

    @Test("kill -9 at random moments: whole at every time, and in the end the bytes of an uninterrupted import")
    func killed() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let uninterrupted = try bring(fixture: "many_embedded")
        try #require(uninterrupted.exitCode == 0, "\(uninterrupted.stderr)")
        let took = (clock.now - start).components
        let lasted = Double(took.attoseconds) * 1e-18 + Double(took.seconds)
        func contents(_ database: String) throws -> [Data] {
            try ["npy", "tsv"].map { ending in
                let result = try CommandLineTool.embdb.run(["export", database, bench.file("out." + ending)])
                try #require(result.exitCode == 0, "\(result.stderr)")
                return try Data(contentsOf: URL(fileURLWithPath: bench.file("out." + ending)))
            }
        }
        let expected = try contents(bench.database)
        let database = bench.file("killed.embdb")
        let arguments = ["import", database, Workbench.fixture("many_embedded"), "--obsm", "X_model"]
        var isFinished = false
        for share in [0.1, 0.25, 0.4, 0.55, 0.7, 0.85] {
            let process = try CommandLineTool.embdb.start(arguments)
            usleep(UInt32(lasted * share * 1_000_000))
            process.send(SIGKILL)
            let result = try process.wait()
            #expect(result.exitCode == 128 + SIGKILL || result.exitCode == 0, "\(result.stderr)")
            // Killed before the file was made.
            let size = try? FileManager.default.attributesOfItem(atPath: database)[.size] as? Int
            guard let size, size > 0 else { continue }
            let info = try CommandLineTool.embdb.run(["info", database, "--format", "json"])
            // Killed while the file was made.
            if info.exitCode == 1, info.lastErrorLine.contains("empty") { continue }
            #expect(info.exitCode == 0, "\(info.stderr)")
            let cells = try info.json()["cells"].int
            #expect(cells == 0 || cells == 12000, "a part of an import is visible")
            #expect(try CommandLineTool.embdb.run(["verify", database]).exitCode == (cells == 0 ? 2 : 0))
            isFinished = cells == 12000
        }
        let last = try CommandLineTool.embdb.run(arguments + ["--format", "json"])
        #expect(last.exitCode == 0, "\(last.stderr)")
        #expect(try last.json()["cells_added"].int == (isFinished ? 0 : 12000))
        let isEqual = try contents(database) == expected
        #expect(isEqual)
        #expect(try CommandLineTool.embdb.run(["verify", database]).exitCode == 0)
    }
}
