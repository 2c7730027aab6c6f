import Foundation
import TestSupport
import Testing

/// Knockouts, export, info, verify and the benchmarks.
@Suite(.serialized)
struct VerbTests {
    private let bench: Workbench

    init() throws { bench = try Workbench.filled() }

    @Test("knockouts have the keys that people script against, and are sorted by score")
    func knockouts() throws {
        let answer = try bench.ask(
            "knockouts", "--from", "disease == \"DCM\" and n_genes < 140", "--to", "disease == \"normal\"",
            "--alternative", "cell_type == \"fibroblast\"", "--genes", "TTN,MYH7,NPPA,ENSG00000136574")
        #expect(
            answer.keys.isSuperset(of: ["from", "to", "mode", "seconds", "forwards", "reliability", "ranking"]))
        #expect(answer["from"]["cells"].int == (0..<300).count { $0 % 3 == 0 && 100 + $0 * 7 % 90 < 140 })
        #expect(answer["to"]["cells"].int == 200)
        #expect(answer["mode"].string == "delete")
        #expect(answer["forwards"].keys.isSuperset(of: ["spent", "exact_run"]))
        #expect(
            answer["reliability"].keys.isSuperset(of: [
                "half_split_overlap", "chance", "icc", "predicted_overlap", "pilot_spearman", "supported",
            ]))
        let ranking = answer["ranking"].array
        #expect(ranking.map { $0["rank"].int } == Array(1...ranking.count))
        #expect(Set(ranking.compactMap { $0["gene"].string }).isSubset(of: ["TTN", "MYH7", "NPPA", "GATA4"]))
        #expect(ranking.contains { $0["gene"].string == "TTN" && $0["gene_id"].string == "ENSG00000155657" })
        for gene in ranking {
            #expect(
                gene.keys.isSuperset(of: [
                    "rank", "gene", "gene_id", "score", "interval", "shift", "shift_to_alternatives",
                    "population_effect", "neighbor_shift", "p_value", "fdr", "cells", "same_sign", "exact", "position",
                    "expression_difference",
                ]))
            #expect(gene["shift_to_alternatives"].keys.count == 1)
            #expect((0...1).contains(gene["p_value"].double ?? -1))
            #expect((0...1).contains(gene["fdr"].double ?? -1))
            #expect(gene["exact"].bool == true)
            #expect(try #require(gene["cells"].int) > 0)
        }
        let scores = ranking.compactMap { $0["score"].double }
        #expect(scores == scores.sorted(by: >))
    }

    @Test("all genes, --max-cells, --min-cells, --top, --mode and --out of knockouts")
    func knockoutOptions() throws {
        let states = ["--from", "disease == \"DCM\"", "--to", "disease == \"normal\""]
        let few = try CommandLineTool.embdb.run(
            ["knockouts", bench.database] + states + ["--max-cells", "6", "--min-cells", "4", "--format", "json"])
        #expect(few.exitCode == 0)
        let ranking = try few.json()["ranking"].array
        #expect(try few.json()["from"]["cells"].int == 6)
        #expect(ranking.allSatisfy { (4...6).contains($0["cells"].int ?? 0) })
        let top = try CommandLineTool.embdb.run(
            ["knockouts", bench.database] + states + [
                "--max-cells", "6", "--min-cells", "4", "--top", "3", "--format", "tsv",
            ])
        #expect(top.stdout.split(separator: "\n").count == 4)
        let out = bench.file("ranking.json")
        let written = try CommandLineTool.embdb.run(
            ["knockouts", bench.database] + states + [
                "--max-cells", "6", "--genes", "TTN", "--mode", "overexpress", "--out", out,
            ])
        #expect(written.exitCode == 0)
        #expect(written.stdout.isEmpty)
        #expect(try String(contentsOfFile: out, encoding: .utf8).contains("\"mode\": \"overexpress\""))
        let list = bench.file("genes.txt")
        try "TTN\nNPPA\n".write(toFile: list, atomically: true, encoding: .utf8)
        let listed = try CommandLineTool.embdb.run(
            ["knockouts", bench.database] + states + ["--max-cells", "6", "--genes", "@\(list)", "--format", "json"])
        #expect(Set(try listed.json()["ranking"].array.compactMap { $0["gene"].string }).isSubset(of: ["TTN", "NPPA"]))
        try bench.refused(1, ["knockouts", bench.database] + states + ["--genes", "TTNN"], saying: "TTNN", "TTN")
        try bench.refused(64, ["knockouts", bench.database, "--from", "age > 3"])
        let nobody = try bench.run("knockouts", bench.database, "--from", "age > 900", "--to", "age > 3")
        #expect(nobody.exitCode == 2)
    }

    @Test("export writes what numpy reads: embeddings with ids, obs, tokens")
    func export() throws {
        let contents = try Contents(bench.database)
        let embeddings = try NumPyFile(contents.embeddings)
        #expect(embeddings.shape == [300, 32])
        #expect(embeddings.header.contains("'fortran_order': False"))
        #expect(contents.ids == (0..<300).map { "cell\($0)\n" }.joined())
        let header = try #require(contents.obs.split(separator: "\n").first)
        #expect(header == "cell\tcell_type\tdisease\tdonor\tn_genes\tscore\ttreated\tchecked\tage\tcell state")
        let archive = try NumPyFile.archive(contents.tokens)
        #expect(archive.keys.sorted() == ["indptr.npy", "tokens.npy"])
        let indptr = try #require(try archive["indptr.npy"]?.int64)
        let tokens = try #require(try archive["tokens.npy"]?.uint32)
        #expect(indptr.count == 301 && indptr.first == 0 && indptr.last == Int64(tokens.count))
        #expect(tokens.allSatisfy { (2..<242).contains($0) })
    }

    @Test("export --knn writes the neighbors that nearest finds, as numpy reads them, with ids")
    func exportNeighbors() throws {
        let path = bench.file("knn.npz")
        let result = try bench.run("export", bench.database, path, "--knn", "6", "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(try result.json()["cells"].int == 300)
        let archive = try NumPyFile.archive(Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(archive.keys.sorted() == ["distances.npy", "indices.npy"])
        let indices = try #require(archive["indices.npy"])
        #expect(indices.shape == [300, 6])
        let distances = try #require(try archive["distances.npy"]?.rows)
        let ids = try String(contentsOfFile: path + ".ids.txt", encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(ids == (0..<300).map { "cell\($0)" })
        let found = try bench.ask("nearest", "--cells", "cell in [\"cell3\", \"cell200\"]", "-k", "6")["queries"]
        for (query, row) in [3, 200].enumerated() {
            let neighbors = found[query]["neighbors"].array
            #expect(
                try indices.int64[6 * row..<6 * row + 6].map { ids[Int($0)] } == neighbors.map { $0["cell"].string })
            #expect(
                distances[row].map(Double.init).map { Float($0) } == neighbors.map { Float($0["distance"].double ?? 9) }
            )
        }
        let part = bench.file("part.npz")
        let few = try bench.run(
            "export", bench.database, part, "--knn", "400", "--where", "disease == \"DCM\"", "--exact")
        #expect(few.exitCode == 0 && few.stdout.isEmpty && few.stderr.contains("100 cells"), "\(few.stderr)")
        let least = try #require(try NumPyFile.archive(Data(contentsOf: URL(fileURLWithPath: part)))["indices.npy"])
        #expect(least.shape == [100, 400])
        #expect(try least.int64.count { $0 == -1 } == 100 * 301)
    }

    @Test("export refuses endings that it does not know and folders that are not there; stdout stays empty")
    func exportErrors() throws {
        let result = try bench.run("export", bench.database, bench.file("x.npy"))
        #expect(result.exitCode == 0)
        #expect(result.stdout.isEmpty)
        #expect(result.stderr.contains("300 cells"))
        try bench.refused(64, ["export", bench.database, bench.file("x.csv")], saying: "x.csv")
        try bench.refused(1, ["export", bench.database, bench.file("no/such/x.npy")], saying: "x.npy")
    }

    @Test("info and verify have the keys that people script against")
    func infoAndVerify() throws {
        let info = try bench.ask("info")
        #expect(
            info.keys.isSuperset(of: [
                "format", "cells", "dimension", "model", "embeddings", "obs", "genes", "file_bytes", "index",
                "pending_ingest", "simd_level", "blas_kernel",
            ]))
        #expect(info["cells"].int == 300)
        #expect(info["genes"].int == 240)
        #expect(info["pending_ingest"].isNull)
        #expect(info["index"].keys.isSuperset(of: ["indexed", "tail", "deleted"]))
        #expect((info["index"]["indexed"].int ?? 0) + (info["index"]["tail"].int ?? 0) == 300)
        let size = try FileManager.default.attributesOfItem(atPath: bench.database)[.size] as? Int
        #expect(info["file_bytes"].int == size)
        let memory = info["memory"]
        #expect(memory.keys == ["resident_bytes", "mapped_bytes"])
        #expect(try #require(memory["resident_bytes"].int) > #require(memory["mapped_bytes"].int))
        #expect(try #require(memory["mapped_bytes"].int) > 0)
        let verify = try bench.run("verify", bench.database, "--format", "json")
        #expect(verify.exitCode == 0)
        let answer = try verify.json()
        #expect(answer.keys.isSuperset(of: ["whole", "checked", "fault"]))
        #expect(answer["whole"].bool == true)
        #expect(answer["fault"].isNull)
        #expect(!answer["checked"].keys.isEmpty)
        for arguments in [["info", bench.database], ["verify", bench.database]] {
            let tsv = try CommandLineTool.embdb.run(arguments + ["--format", "tsv", "--quiet"])
            #expect(tsv.exitCode == 0)
            #expect(tsv.stderr.isEmpty)
            #expect(tsv.stdout.split(separator: "\n").allSatisfy { $0.contains("\t") })
        }
    }

    @Test("verify finds a changed byte in the vectors and a file that was cut off")
    func damage() throws {
        let contents = try Contents(bench.database)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        let vector = contents.embeddings.suffix(32 * 4 * 300).prefix(32 * 4)
        let place = try #require(bytes.range(of: vector))
        bytes[place.lowerBound + 9] ^= 0x10
        let damaged = bench.file("damaged.embdb")
        try bytes.write(to: URL(fileURLWithPath: damaged))
        let result = try bench.run("verify", damaged, "--format", "json")
        #expect(result.exitCode == 1)
        #expect(try result.json()["whole"].bool == false)
        #expect(try result.json()["fault"].string?.isEmpty == false)
        #expect(result.lastErrorLine.hasPrefix("embdb: "))

        let cut = bench.file("cut.embdb")
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: cut))
        for arguments in [["info", cut], ["verify", cut], ["nearest", cut, "--cell", "cell0"]] {
            let result = try CommandLineTool.embdb.run(arguments)
            #expect(result.exitCode == 1, "\(result.command): \(result.stderr)")
            #expect(
                result.lastErrorLine.hasPrefix("embdb: ") && result.lastErrorLine.contains("cut"), "\(result.stderr)")
        }
        let text = bench.file("text.embdb")
        try String(repeating: "no database\n", count: 5000).write(toFile: text, atomically: true, encoding: .utf8)
        for verb in ["info", "verify"] { try bench.refused(1, [verb, text], saying: "text.embdb") }
        let ingest = try bench.refused(1, ["ingest", text, Workbench.fixture("cells"), "--model", bench.model])
        #expect(ingest.lastErrorLine.contains("text.embdb"))
        #expect(try String(contentsOfFile: text, encoding: .utf8).hasPrefix("no database"))
    }

    @Test("bench search measures recall against exact search and writes the ids that it found")
    func benchSearch() throws {
        let vectors = try Contents(bench.database).vectors
        let (base, queries, out) = (bench.file("base.npy"), bench.file("queries.npy"), bench.file("ids.npy"))
        try NumPyFile.bytes(vectors).write(to: URL(fileURLWithPath: base))
        try NumPyFile.bytes(Array(vectors[..<20])).write(to: URL(fileURLWithPath: queries))
        let result = try bench.run(
            "bench", "search", "--vectors", base, "--queries", queries, "-k", "5", "--ef", "16,300", "--out", out,
            "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        let answer = try result.json()
        #expect(
            answer.keys.isSuperset(of: [
                "vectors", "dimension", "k", "build_seconds", "index_bytes", "open_seconds", "results",
            ]))
        #expect(answer["vectors"].int == 300)
        #expect(answer["dimension"].int == 32)
        #expect(answer["results"].array.map { $0["ef"].int } == [16, 300])
        for row in answer["results"].array {
            #expect(row.keys.isSuperset(of: ["ef", "recall", "queries_per_second", "p50_ms", "p99_ms"]))
        }
        #expect(answer["results"][1]["recall"].double == 1)
        let ids = try NumPyFile(Data(contentsOf: URL(fileURLWithPath: out)))
        #expect(ids.shape == [20, 5])
        // A vector's nearest one is itself.
        #expect(try (0..<20).allSatisfy { try ids.int64[5 * $0] == Int64($0) })
        try bench.refused(64, ["bench", "search", "--vectors", base, "--queries", queries, "--ef", "x"])
    }

    @Test(
        "where the graph finds too few of the nearest, that is said, and cells are compared one by one unless ef is given"
    )
    func tooAlike() throws {
        var random = SplitMix64(state: 3)
        let vectors = (0..<1200).map { _ in (0..<70).map { Float($0 % 7 - 3) + 0.001 * Float(random.uniform()) } }
        let (base, database) = (bench.file("base.npy"), bench.file("alike.embdb"))
        try NumPyFile.bytes(vectors).write(to: URL(fileURLWithPath: base))
        let made = try bench.run(
            "bench", "search", "--vectors", base, "--queries", base, "--metric", "l2", "--ef", "32", "--database",
            database)
        #expect(made.exitCode == 0 && made.stderr.contains("warning: "), "\(made.stderr)")
        let info = try bench.run("info", database, "--format", "json").json()["index"]
        #expect(info["ef"].int == 512)
        #expect((info["recall"].double ?? 1) < 0.99)
        func nearest(_ options: String...) throws -> (method: String?, cells: [String?]) {
            let answer = try CommandLineTool.embdb.run(
                ["nearest", database, "--cell", "7", "--cell", "900", "--format", "json"] + options
            ).json()
            let cells = answer["queries"].array.flatMap { $0["neighbors"].array.map { $0["cell"].string } }
            return (answer["search"]["method"].string, cells)
        }
        let (found, exact) = (try nearest(), try nearest("--exact"))
        #expect(found.method == "exact" && found.cells.count == 20)
        #expect(found.cells == exact.cells)
        #expect(try nearest("--ef", "64").method != "exact")
    }

    @Test("bench search among some of the vectors, with vectors added, in a database that is kept and used again")
    func benchSearchFilters() throws {
        let vectors = try Contents(bench.database).vectors
        let (base, queries, mask) = (bench.file("base.npy"), bench.file("queries.npy"), bench.file("mask.npy"))
        let database = bench.file("bench.embdb")
        try NumPyFile.bytes(vectors).write(to: URL(fileURLWithPath: base))
        try NumPyFile.bytes(Array(vectors[..<20])).write(to: URL(fileURLWithPath: queries))
        try NumPyFile.bytes(vectors.indices.map { $0 % 10 == 3 }).write(to: URL(fileURLWithPath: mask))
        let arguments = [
            "bench", "search", "--vectors", base, "--queries", queries, "-k", "5", "--ef", "16", "--keep", mask,
            "--build-threads", "1", "--database", database,
        ]
        let first = try CommandLineTool.embdb.run(arguments + ["--format", "json"])
        #expect(first.exitCode == 0, "\(first.stderr)")
        let answer = try first.json()
        #expect(answer["build_seconds"].double != nil && answer["added"].isNull)
        #expect(answer["simd_level"].string?.isEmpty == false)
        let filter = answer["filters"][0]
        #expect(filter["kept"].int == 30 && filter["file"].string == mask)
        #expect(filter["results"][0]["recall"].double == 1)
        #expect(filter["results"][0]["candidates"].double == 30)
        #expect(filter["results"][0]["method"].string == "exact")
        let second = try CommandLineTool.embdb.run(arguments + ["--add", queries, "--format", "json"])
        #expect(second.exitCode == 0, "\(second.stderr)")
        #expect(try second.json()["build_seconds"].isNull)
        #expect(try second.json()["added"]["rows"].int == 20)
        #expect(try second.json()["added"]["rows_per_second"].double ?? 0 > 0)
        let info = try bench.run("info", database, "--format", "json")
        #expect(try info.json()["cells"].int == 320)
        #expect(try bench.run("verify", database).exitCode == 0)
        // The added vectors are there to be found: each query has itself twice.
        let found = try bench.run("nearest", database, "--vector", queries, "-k", "2", "--format", "json")
        #expect(
            try found.json()["queries"].array.enumerated().allSatisfy { index, query in
                query["neighbors"].array.map { $0["cell"].string } == ["\(index)", "\(300 + index)"]
            })
        // It holds other vectors now, and cells are never added to.
        try bench.refused(64, arguments, saying: "bench.embdb", "name another place")
        try bench.refused(
            64, Array(arguments.dropLast()) + [bench.database, "--add", queries], saying: "name another place")
        try bench.refused(1, Array(arguments.dropLast(6)) + ["--keep", base], saying: "base.npy", "bool [300]")
        try bench.refused(64, arguments + ["--build-threads", "0"], saying: "--build-threads 0")
        try bench.refused(64, arguments + ["--out", mask], saying: "mask.npy", "one to read")
    }

    @Test("bench embed measures cells a second")
    func benchEmbed() throws {
        let result = try bench.run("bench", "embed", "--model", bench.model, "--length", "32", "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        let answer = try result.json()
        #expect(
            answer.keys.isSuperset(of: [
                "model", "precision", "threads", "length", "cells_per_second", "gflops", "blas_kernel", "simd_level",
            ]))
        #expect(answer["length"].int == 32)
        #expect(answer["precision"].string == "f32")
        #expect((answer["cells_per_second"].double ?? 0) > 0)
    }

    @Test("bench knockouts measures deletions one by one, and the estimate of all")
    func benchKnockouts() throws {
        let result = try bench.run(
            "bench", "knockouts", "--model", bench.model, "--length", "48", "--verify", "5", "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        let answer = try result.json()
        #expect(
            answer.keys == [
                "model", "length", "threads", "precision", "exact_seconds", "exact_sampled", "screen_seconds",
                "forwards_exact", "forwards_screen", "blas_kernel", "simd_level",
            ])
        #expect(answer["length"].int == 48 && answer["precision"].string == "f32")
        // Those that share work are timed together.
        #expect(answer["exact_sampled"].int == 32 && answer["forwards_exact"].int == 48)
        #expect(answer["forwards_screen"].int == 11)
        #expect((answer["exact_seconds"].double ?? 0) > 0 && (answer["screen_seconds"].double ?? 0) > 0)
        let all = try bench.run(
            "bench", "knockouts", "--model", bench.model, "--length", "20", "--verify", "1000", "--format", "json")
        #expect(try all.json()["exact_sampled"].int == 20)
        let both = try bench.run(
            "bench", "knockouts", "--model", bench.model, "--length", "48", "--verify", "40", "--format", "json")
        #expect(try both.json()["exact_sampled"].int == 48)
    }
}
