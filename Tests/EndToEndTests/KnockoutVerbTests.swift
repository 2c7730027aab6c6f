import Foundation
import TestSupport
import Testing

/// Rankings as files, stopped and killed.
@Suite(.serialized)
struct KnockoutVerbTests {
    /// Some seconds on any machine: only what lasts is kept.
    private static let slowly = ["--screen", "off", "--max-cells", "40", "--format", "json"]
    private static let states = ["--from", "disease == \"DCM\"", "--to", "disease == \"normal\""]

    @Test("--out by its ending: a table with the meanings of its columns, JSON, a picture")
    func files() throws {
        let bench = try Workbench.filled()
        func write(_ name: String, _ options: String...) throws -> String {
            let result = try CommandLineTool.embdb.run(
                ["knockouts", bench.database] + Self.states + ["--out", bench.file(name)] + options)
            #expect(result.exitCode == 0 && result.stdout.isEmpty, "\(result.stderr)")
            return try String(contentsOfFile: bench.file(name), encoding: .utf8)
        }
        let table = try write(
            "r.tsv", "--alternative", "cell_type == \"fibroblast\"", "--baseline", "expression", "--min-cells", "5")
        let lines = table.split(separator: "\n").map(String.init)
        let comments = lines.prefix { $0.hasPrefix("# ") }.map { String($0.dropFirst(2).prefix { $0 != ":" }) }
        let header = lines[comments.count].split(separator: "\t").map(String.init)
        #expect(header.count > 15 && header.prefix(3) == ["rank", "gene", "gene_id"])
        // The last column's name has a colon of its own in none of the fixtures.
        #expect(comments == header)
        let json = try JSONAnswer(text: try write("r.json", "--min-cells", "5"))
        let (ranked, rare) = (json["ranking"].array, json["rare"].array)
        #expect(!ranked.isEmpty && !rare.isEmpty)
        #expect(lines.count == comments.count + 1 + ranked.count + rare.count)
        #expect(rare.allSatisfy { ($0["cells"].int ?? 9) < 5 && $0["rank"].isNull })
        let picture = try write("r.svg", "--top", "7", "--min-cells", "5")
        #expect(picture.contains("<svg ") && picture.hasSuffix("</svg>\n"))
        #expect(picture.components(separatedBy: "<circle").count == 8)
        for gene in ranked.prefix(3) { #expect(picture.contains(gene["gene"].string ?? "?")) }
    }

    @Test("Ctrl-C: what was done by then is printed, exit code 130; the same command goes on from there")
    func interrupted() throws {
        let bench = try Workbench.filled(.slow)
        let arguments = ["knockouts", bench.database] + Self.states + Self.slowly
        let whole = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        let process = try CommandLineTool.embdb.start(arguments)
        try waitForJournal(bench, process)
        process.send(SIGINT)
        let stopped = try process.wait()
        #expect(stopped.exitCode == 130)
        #expect(stopped.lastErrorLine.hasPrefix("embdb: stopped"))
        let partial = try stopped.json()
        #expect(partial["partial"].bool == true && !partial["ranking"].array.isEmpty)
        #expect(try #require(partial["forwards"]["spent"].int) < whole.json()["forwards"]["spent"].int ?? 0)
        let resumed = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(resumed.exitCode == 0)
        #expect(try ranking(resumed) == ranking(whole))
        #expect(journals(bench).isEmpty)
    }

    @Test("kill -9, again and again: the ranking goes on where it was, and is that of an uninterrupted run")
    func killed() throws {
        let bench = try Workbench.filled(.slow)
        let arguments = ["knockouts", bench.database] + Self.states + Self.slowly
        let whole = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(journals(bench).isEmpty)
        for _ in 0..<2 {
            let process = try CommandLineTool.embdb.start(arguments)
            try waitForJournal(bench, process)
            process.send(SIGKILL)
            #expect(try process.wait().exitCode == 128 + SIGKILL)
        }
        let journal = try #require(journals(bench).first)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: journal))
        // A record that was half written, and one with a changed bit, do no harm.
        try (bytes + Data([40, 0, 0, 0, 1, 2, 3])).write(to: URL(fileURLWithPath: journal))
        let torn = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(torn.exitCode == 0)
        #expect(try ranking(torn) == ranking(whole))
        #expect(journals(bench).isEmpty)
        var changed = bytes
        changed[bytes.count / 2] ^= 4
        try changed.write(to: URL(fileURLWithPath: journal))
        let mended = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(try ranking(mended) == ranking(whole))
        // Of another ranking, as a name by chance would have it.
        try Data("embdb knockouts 1 something else\n".utf8).write(to: URL(fileURLWithPath: journal))
        #expect(try ranking(try CommandLineTool.embdb.run(arguments, timeLimit: 300)) == ranking(whole))
        #expect(try bench.run("verify", bench.database).exitCode == 0)
    }

    private static let jurkat = "data/jurkat_crispr_ko_tcr/jurkat_tcr_crispr_ko.h5ad"

    /// 20 real knockouts in T cells, of which those of the receptor's own signal (Datlinger et al. 2021) take stimulated
    /// cells towards unstimulated ones.
    @Test(
        "real knockouts: the score finds those that matter, the mean cosine to the goal turns them upside down",
        .enabled(if: SharedData.has(jurkat), "skipped: ../shared/\(jurkat) is not there"))
    func observed() throws {
        let bench = try Workbench()
        let ingest = try bench.run(
            "ingest", bench.database, SharedData.path(Self.jurkat), "--model", "default", timeLimit: 120)
        #expect(ingest.exitCode == 0)
        let answer = try bench.ask(
            "knockouts", "--from", "condition == \"stimulated\"", "--to", "condition == \"unstimulated\"",
            "--observed", "perturbation", "--baseline", "expression")
        let ranking = answer["ranking"].array
        #expect(answer["mode"].string == "observed" && ranking.count == 20)
        #expect(!ranking.contains { $0["gene"].string == "control" })
        let known = ["LCK", "ZAP70", "LAT"]
        /// How often one of these stands above one of the others.
        func areaUnderCurve(_ key: String) throws -> Double {
            let values = try ranking.map { (try #require($0["gene"].string), try #require($0[key].double)) }
            let (own, others) = (values.filter { known.contains($0.0) }, values.filter { !known.contains($0.0) })
            #expect(own.count == 3)
            let above = own.reduce(0) { sum, one in sum + others.count { $0.1 < one.1 } }
            return Double(above) / Double(own.count * others.count)
        }
        #expect(try areaUnderCurve("score") > 0.8)
        #expect(try areaUnderCurve("shift") < 0.3)
        // Most of the genes are not in the file; what is imagined has its interval and its cells.
        let imagined = ranking.map { $0["in_silico"] }.filter { !$0.isNull }
        #expect(!imagined.isEmpty && imagined.count < 10)
        #expect(imagined.allSatisfy { ($0["cells"].int ?? 0) > 0 && !$0["score"].isNull && !$0["interval"].isNull })
        #expect(!answer["baseline"]["spearman"].isNull)
    }

    private func journals(_ bench: Workbench) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: bench.folder.path)) ?? []
        return names.filter { $0.contains("-knockouts-") }.map { bench.file($0) }
    }

    /// Until the journal has grown since.
    private func waitForJournal(_ bench: Workbench, _ process: RunningCommand) throws {
        func size() -> Int {
            journals(bench).first
                .flatMap { try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int } ?? 0
        }
        let before = size()
        while size() <= before {
            try #require(!process.hasEnded, "the ranking ended before it was stopped")
            usleep(5_000)
        }
    }

    /// All but the time.
    private func ranking(_ result: CommandResult) throws -> String {
        result.stdout.replacing(/"seconds": [^,]*,/, with: "")
    }
}
