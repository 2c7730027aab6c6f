import Foundation
import TestSupport
import Testing

/// Where answers go, and what happens when they cannot.
@Suite(.serialized)
struct OutputTests {
    @Test("an answer that cannot be written is a failure, with a line that says so")
    func fullDevice() throws {
        let bench = try Workbench.filled()
        let file = bench.file("answer")
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/dev/full")
        for arguments in [
            ["export", bench.database, file + ".npy"], ["export", bench.database, file + ".tsv"],
            ["export", bench.database, file + ".npz", "--tokens"],
            ["export", bench.database, file + "-genes.npy", "--genes"],
            ["export", bench.database, file + "-genes.tsv", "--genes"],
            ["knockouts", bench.database, "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out", file],
            ["perturb", bench.database, "--cells", "cell == \"cell1\"", "--genes", "all", "--out", file],
            [
                "annotate", bench.database, Workbench.fixture("more"), "--label", "cell_type", "--out",
                file + "-labels.tsv",
            ],
        ] {
            let name = arguments.first { $0.hasPrefix(file) } ?? file
            if name != file {
                try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: "/dev/full")
            }
            let result = try CommandLineTool.embdb.run(arguments)
            #expect(result.exitCode == 1, "\(arguments)")
            #expect(result.lastErrorLine.hasPrefix("embdb: writing failed"), "\(result.stderr)")
            // Nobody is told that it was written.
            #expect(!result.stderr.contains("written to"), "\(result.stderr)")
            #expect(result.stdout.isEmpty)
        }
        for arguments in [
            ["export", bench.database, bench.file("x.npy")],
            [
                "knockouts", bench.database, "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out",
                bench.file("x"),
            ],
            ["perturb", bench.database, "--cells", "cell == \"cell1\"", "--genes", "all", "--out", bench.file("x")],
            [
                "annotate", bench.database, Workbench.fixture("more"), "--label", "cell_type", "--out",
                bench.file("x.tsv"),
            ],
        ] {
            let result = try CommandLineTool.embdb.run(arguments)
            let path = arguments.last { $0.hasPrefix(bench.folder.path) } ?? ""
            #expect(result.lastErrorLine.contains("written to \(path)"), "\(result.stderr)")
        }
        // The device is still one.
        let kind = try FileManager.default.attributesOfItem(atPath: "/dev/full")[.type] as? FileAttributeType
        #expect(kind == .typeCharacterSpecial)
    }

    @Test("a symbolic link is followed, not replaced")
    func link() throws {
        let bench = try Workbench.filled()
        let link = bench.file("link.tsv")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: bench.file("target.tsv"))
        #expect(try bench.run("export", bench.database, link).exitCode == 0)
        let target = try String(contentsOfFile: bench.file("target.tsv"), encoding: .utf8)
        #expect(target.split(separator: "\n").count == 301)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == bench.file("target.tsv"))
    }

    @Test("a ranking asks for its folder before it computes, and a tsv has every number")
    func ranking() throws {
        let bench = try Workbench.filled()
        let states = ["--from", "cell == \"cell1\"", "--to", "cell == \"cell2\""]
        let nowhere = try CommandLineTool.embdb.run(
            ["knockouts", bench.database] + states + ["--out", bench.file("no/where.tsv")])
        #expect(nowhere.exitCode == 1)
        #expect(nowhere.lastErrorLine.hasPrefix("embdb: cannot write there"))
        #expect(!nowhere.stderr.contains("ranked"))
        let out = bench.file("ranking.tsv")
        #expect(try CommandLineTool.embdb.run(["knockouts", bench.database] + states + ["--out", out]).exitCode == 0)
        let json = try CommandLineTool.embdb.run(["knockouts", bench.database] + states + ["--format", "json"]).json()
        let lines = try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        for name in ["shift", "score", "population_effect", "position", "expression_difference", "p_value", "fdr"] {
            let column = try #require(lines[0].firstIndex(of: name))
            let (text, number) = (
                try #require(Double(lines[1][column])), try #require(json["ranking"][0][name].double)
            )
            // Foundation's JSON reader may be off in the last bit.
            #expect(abs(text - number) <= 1e-12 * abs(number), "\(name)")
        }
    }

    @Test("an empty list of genes and a zarr folder are refused by name")
    func refusals() throws {
        let bench = try Workbench.filled()
        let empty = try bench.run("nearest", bench.database, "--cell", "cell1", "--delete", "")
        #expect(empty.exitCode == 64)
        #expect(empty.lastErrorLine.contains("--delete"))
        let folder = bench.file("cells.zarr")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let zarr = try bench.run("ingest", bench.database, folder)
        #expect(zarr.exitCode == 1)
        #expect(zarr.lastErrorLine.contains("zarr is not supported"))
    }

    @Test("no answer is written over a database, and none that found nothing over an earlier one")
    func databaseStays() throws {
        let bench = try Workbench.filled()
        let before = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        let link = bench.file("link.tsv")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: bench.database)
        let perturb = ["perturb", bench.database, "--cells", #"cell == "cell0""#, "--max-cells", "1"]
        for target in [bench.database, link] {
            try bench.refused(64, perturb + ["--genes", "all", "--out", target], saying: "database", "another")
        }
        try bench.refused(64, ["export", bench.database, link], saying: "database", "another")
        #expect(try Data(contentsOf: URL(fileURLWithPath: bench.database)) == before)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == bench.database)
    }

    @Test("an answer goes through a pipe, by its name and by /dev/stdout")
    func pipes() throws {
        let bench = try Workbench.filled()
        let out = bench.file("pipe")
        let script = """
            mkfifo '\(out)'; cat '\(out)' & '\(CommandLineTool.embdb.path)' perturb '\(bench.database)' \
            --cells 'cell == "cell0"' --genes all --quiet --format tsv --out '\(out)'; wait
            """
        let result = try CommandLineTool(path: "/bin/sh").run(["-c", script])
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(result.stdout.hasPrefix("cell\tgene\tgene_id\t"))
        let piped = try CommandLineTool(path: "/bin/sh").run([
            "-c",
            "'\(CommandLineTool.embdb.path)' perturb '\(bench.database)' --cells 'cell == \"cell0\"' --genes all --quiet "
                + "--format tsv --out /dev/stdout | cat",
        ])
        #expect(piped.stdout == result.stdout, "\(piped.stderr)")
    }

    @Test("a first ingest that is refused makes no database")
    func noDatabase() throws {
        let bench = try Workbench()
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("twice"), "--model", bench.model], saying: "twice")
        #expect(!FileManager.default.fileExists(atPath: bench.database))
    }
}
