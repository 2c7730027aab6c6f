import Foundation
import TestSupport
import Testing

/// Rankings as files, and of real knockouts.
@Suite(.serialized)
struct KnockoutVerbTests {
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
}
