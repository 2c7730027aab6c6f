import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct NearestTests {
    private let bench: Workbench

    init() throws { bench = try Workbench.filled() }

    private func neighbors(_ options: String...) throws -> [JSONAnswer] {
        let result = try CommandLineTool.embdb.run(["nearest", bench.database] + options + ["--format", "json"])
        #expect(result.exitCode == 0, "\(result.command): \(result.stderr)")
        return try result.json()["queries"][0]["neighbors"].array
    }

    @Test("the answer has the keys that people script against, in order of distance")
    func keys() throws {
        let answer = try bench.ask("nearest", "--cell", "cell0", "--cell", "cell5", "-k", "7")
        #expect(answer.keys.isSuperset(of: ["queries", "search"]))
        #expect(answer["search"].keys.isSuperset(of: ["k", "ef", "exact", "candidates", "method"]))
        #expect(answer["search"]["k"].int == 7)
        #expect(answer["queries"].array.map { $0["query"].string } == ["cell0", "cell5"])
        for query in answer["queries"].array {
            #expect(query.keys.isSuperset(of: ["query", "perturbation", "neighbors"]))
            #expect(query["perturbation"].isNull)
            let neighbors = query["neighbors"].array
            #expect(neighbors.count == 7)
            #expect(neighbors.map { $0["rank"].int } == Array(1...7))
            for neighbor in neighbors {
                #expect(neighbor.keys.isSuperset(of: ["rank", "cell", "similarity", "distance", "obs"]))
                #expect(neighbor["cell"].string != query["query"].string)
                let (similarity, distance) = (neighbor["similarity"].double ?? 9, neighbor["distance"].double ?? 9)
                #expect(abs(distance - (1 - similarity)) < 1e-6)
            }
            let distances = neighbors.compactMap { $0["distance"].double }
            #expect(distances == distances.sorted())
        }
    }

    @Test("the neighbors are those of a plain loop over the exported embeddings, and --exact agrees")
    func oracle() throws {
        let contents = try Contents(bench.database)
        let vectors = try contents.vectors.map { vector in
            let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            return vector.map { Double($0) / length }
        }
        for row in [0, 17, 299] {
            let expected = vectors.indices.filter { $0 != row }
                .map { (row: $0, distance: 1 - zip(vectors[row], vectors[$0]).reduce(0) { $0 + $1.0 * $1.1 }) }
                .sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }
            let found = try neighbors("--cell", "cell\(row)", "-k", "25")
            #expect(found.count == 25)
            for (neighbor, wanted) in zip(found, expected) {
                #expect(abs((neighbor["distance"].double ?? 9) - wanted.distance) < 1e-6)
            }
            let exact = try neighbors("--cell", "cell\(row)", "-k", "25", "--exact")
            #expect(exact.map { $0["cell"].string } == found.map { $0["cell"].string })
            #expect(exact.map { $0["distance"].double } == found.map { $0["distance"].double })
        }
    }

    @Test("k may be larger than the number of cells")
    func largeK() throws {
        #expect(try neighbors("--cell", "cell0", "-k", "5000").count == 299)
        #expect(try neighbors("--cell", "cell0", "-k", "5000", "--exact").count == 299)
    }

    @Test("--where, --exclude-same and --max-distance say who may be a neighbor")
    func filters() throws {
        let chosen = try neighbors(
            "--cell", "cell0", "-k", "300", "--where",
            "disease != \"DCM\" and `cell state` == 'state 1' and n_genes >= 150")
        let expected = (0..<300).filter { $0 % 3 != 0 && $0 % 2 == 1 && 100 + $0 * 7 % 90 >= 150 }
        #expect(Set(chosen.compactMap { $0["cell"].string }) == Set(expected.map { "cell\($0)" }))

        let others = try neighbors("--cell", "cell0", "-k", "300", "--exclude-same", "donor")
        #expect(others.count == (0..<300).count { $0 % 10 == 9 || $0 % 4 != 0 })
        #expect(others.allSatisfy { $0["obs"]["donor"].string != "D0" })

        let all = try neighbors("--cell", "cell0", "-k", "300")
        let limit = try #require(all[49]["distance"].double)
        #expect(try neighbors("--cell", "cell0", "-k", "300", "--max-distance", "\(limit)").count == 50)

        let few = try neighbors("--cell", "cell0", "-k", "4", "--where", "cell in [\"cell0\", \"cell9\", \"cell8\"]")
        #expect(Set(few.compactMap { $0["cell"].string }) == ["cell8", "cell9"])
    }

    @Test("--at-most N --per COLUMN: so many of each donor, the nearest ones; cells without a donor as they come")
    func limit() throws {
        let all = try neighbors("--cell", "cell0", "-k", "300")
        func limited(_ count: Int) -> [String?] {
            var counts: [String: Int] = [:]
            return all.filter { cell in
                guard let donor = cell["obs"]["donor"].string else { return true }
                counts[donor, default: 0] += 1
                return counts[donor, default: 0] <= count
            }.map { $0["cell"].string }
        }
        let cells = try neighbors("--cell", "cell0", "-k", "12", "--at-most", "2", "--per", "donor")
            .map { $0["cell"].string }
        #expect(cells.count == 12 && cells == Array(limited(2).prefix(12)))
        #expect(cells != all.prefix(12).map { $0["cell"].string })
        let exact = try neighbors("--cell", "cell0", "-k", "12", "--at-most", "2", "--per", "donor", "--exact")
        #expect(exact.map { $0["cell"].string } == cells)
        // More than there can be: all that the limit leaves.
        let most = try neighbors("--cell", "cell0", "-k", "300", "--at-most", "1", "--per", "donor")
        #expect(most.map { $0["cell"].string } == limited(1))
        let known = try neighbors(
            "--cell", "cell0", "-k", "300", "--at-most", "1", "--per", "donor", "--where", "donor is not missing")
        #expect(Set(known.map { $0["obs"]["donor"].string }).count == known.count)
    }

    @Test("an expression that selects nobody, or leaves nobody, exits with 2")
    func nobody() throws {
        for options in [
            ["--cells", "age > 900"], ["--cell", "cell0", "--where", "age > 900"],
            ["--cell", "cell0", "--where", "cell == \"cell0\""], ["--cell", "cell0", "--max-distance=-1"],
        ] {
            let result = try CommandLineTool.embdb.run(["nearest", bench.database] + options + ["--format", "json"])
            #expect(result.exitCode == 2, "\(result.command): \(result.stderr)")
            #expect(result.lastErrorLine.hasPrefix("embdb: "))
        }
    }

    @Test("--cells asks for every cell that the expression selects, --centroid for their mean")
    func selection() throws {
        let filter = "cell in [\"cell1\", \"cell2\", \"cell4\"]"
        let each = try bench.ask("nearest", "--cells", filter, "-k", "3")
        #expect(each["queries"].array.map { $0["query"].string } == ["cell1", "cell2", "cell4"])

        let centroid = try bench.ask("nearest", "--cells", filter, "-k", "5", "--centroid")
        #expect(centroid["queries"].array.count == 1)
        let vectors = try Contents(bench.database).vectors
        let mean = (0..<32).map { column in Float([1, 2, 4].reduce(0.0) { $0 + Double(vectors[$1][column]) } / 3) }
        let path = bench.file("mean.npy")
        try NumPyFile.bytes([mean]).write(to: URL(fileURLWithPath: path))
        let byVector = try neighbors("--vector", path, "-k", "5")
        #expect(
            centroid["queries"][0]["neighbors"].array.map { $0["cell"].string } == byVector.map { $0["cell"].string })
    }

    @Test("a vector from the export has the neighbors that its cell has, after the cell itself")
    func vector() throws {
        let path = bench.file("query.npy")
        let vectors = try Contents(bench.database).vectors
        try NumPyFile.bytes([vectors[12], vectors[13]]).write(to: URL(fileURLWithPath: path))
        let answer = try bench.ask("nearest", "--vector", path, "-k", "9")
        #expect(answer["queries"].array.map { $0["query"].string } == ["vector 0", "vector 1"])
        for (index, cell) in ["cell12", "cell13"].enumerated() {
            let found = answer["queries"][index]["neighbors"].array
            #expect(found[0]["cell"].string == cell)
            #expect(abs(found[0]["distance"].double ?? 9) < 1e-6)
            let byCell = try neighbors("--cell", cell, "-k", "8")
            #expect(found.dropFirst().map { $0["cell"].string } == byCell.map { $0["cell"].string })
            #expect(found.dropFirst().map { $0["distance"].double } == byCell.map { $0["distance"].double })
        }
        let short = bench.file("short.npy")
        try NumPyFile.bytes([[1, 2, 3]]).write(to: URL(fileURLWithPath: short))
        let wrong = try bench.run("nearest", bench.database, "--vector", short)
        #expect([1, 64].contains(wrong.exitCode))
        #expect(wrong.lastErrorLine.contains("3 dimensions") && wrong.lastErrorLine.contains("32"))
        try bench.refused(
            1, ["nearest", bench.database, "--vector", bench.model + "/config.json"], saying: "config.json", ".npy")
        try bench.refused(1, ["nearest", bench.database, "--vector", bench.file("none.npy")], saying: "none.npy")
    }

    @Test("deleting a gene that the cell has moves it, deleting one that it lacks warns and moves nothing")
    func delete() throws {
        let plain = try neighbors("--cell", "cell0", "-k", "5")
        let deleted = try bench.ask("nearest", "--cell", "cell0", "-k", "5", "--delete", "TTN")
        #expect(deleted["queries"][0]["perturbation"]["delete"].strings == ["TTN"])
        #expect(deleted["queries"][0]["perturbation"]["overexpress"].array.isEmpty)
        let distances = deleted["queries"][0]["neighbors"].array.map { $0["distance"].double }
        #expect(distances != plain.map { $0["distance"].double })
        // By Ensembl id with a version it is the same gene.
        let byID = try neighbors("--cell", "cell0", "-k", "5", "--delete", "ENSG00000155657.29")
        #expect(byID.map { $0["distance"].double } == distances)

        let lacking = try #require(try geneLackedByCell0())
        let result = try bench.run(
            "nearest", bench.database, "--cell", "cell0", "-k", "5", "--delete", lacking, "--format", "json")
        #expect(result.exitCode == 0)
        #expect(result.stderr.contains("warning") && result.stderr.contains(lacking) && result.stderr.contains("cell0"))
        let same = try result.json()["queries"][0]["neighbors"].array
        #expect(same.map { $0["cell"].string } == plain.map { $0["cell"].string })
        for (one, other) in zip(same, plain) {
            #expect(abs((one["distance"].double ?? 9) - (other["distance"].double ?? -9)) < 1e-6)
        }
        // One line a gene, however many cells there are.
        let many = try bench.run(
            "nearest", bench.database, "--cells", "n_genes < 150", "-k", "1", "--delete", lacking, "--format", "json")
        #expect(many.exitCode == 0)
        #expect(many.stderr.split(separator: "\n").count { $0.hasPrefix("warning: ") } == 1, "\(many.stderr)")
        let quiet = try bench.run(
            "nearest", bench.database, "--cell", "cell0", "--delete", lacking, "--quiet")
        #expect(quiet.stderr.isEmpty)
    }

    /// The symbol of a gene whose token the export of tokens does not have in row 0.
    private func geneLackedByCell0() throws -> String? {
        let archive = try NumPyFile.archive(Contents(bench.database).tokens)
        let end = try #require(try archive["indptr.npy"]?.int64[1])
        let tokens = Set(try #require(try archive["tokens.npy"]?.uint32).prefix(Int(end)))
        let table = try String(contentsOfFile: Workbench.fixtures + "/vocabulary.tsv", encoding: .utf8)
        return table.split(separator: "\n").dropFirst(3).map { $0.split(separator: "\t") }
            .first { !tokens.contains(UInt32($0[0]) ?? 0) }.map { String($0[2]) }
    }

    @Test("--overexpress moves the cell, and works together with --delete")
    func overexpress() throws {
        let plain = try neighbors("--cell", "cell1", "-k", "5").map { $0["distance"].double }
        let up = try bench.ask("nearest", "--cell", "cell1", "-k", "5", "--overexpress", "GATA4, NPPA")
        #expect(up["queries"][0]["perturbation"]["overexpress"].strings == ["GATA4", "NPPA"])
        let distances = up["queries"][0]["neighbors"].array.map { $0["distance"].double }
        #expect(distances != plain)
        let both = try neighbors("--cell", "cell1", "-k", "5", "--overexpress", "GATA4,NPPA", "--delete", "COL1A1")
        #expect(both.map { $0["distance"].double } != distances)
    }

    @Test("--ids-only prints ids, one a line; tsv has a header and a row a neighbor")
    func formats() throws {
        let ids = try bench.run("nearest", bench.database, "--cell", "cell0", "-k", "4", "--ids-only")
        let expected = try neighbors("--cell", "cell0", "-k", "4").compactMap { $0["cell"].string }
        #expect(ids.stdout == expected.map { $0 + "\n" }.joined())
        let tsv = try bench.run("nearest", bench.database, "--cell", "cell0", "-k", "4", "--format", "tsv")
        let lines = tsv.stdout.split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false)
        }
        #expect(lines.count == 5)
        #expect(lines.allSatisfy { $0.count == lines[0].count })
        #expect(lines[0].prefix(5) == ["query", "rank", "cell", "similarity", "distance"])
        #expect(Set(lines[0]).isSuperset(of: ["disease", "cell state", "age"]))
        #expect(lines.dropFirst().map { String($0[2]) } == expected)
        let table = try bench.run("nearest", bench.database, "--cell", "cell0", "-k", "4")
        #expect(table.exitCode == 0)
        #expect(table.stdout.split(separator: "\n").count == 5)
    }

    @Test("unknown names are errors that name the nearest ones, and wrong expressions show where with a caret")
    func unknownNames() throws {
        let database = bench.database
        try bench.refused(1, ["nearest", database, "--cell", "cel12"], saying: "cel12", "cell12")
        try bench.refused(1, ["nearest", database, "--cell", "cell0", "--delete", "GATA44"], saying: "GATA44", "GATA4")
        for (expression, words, column) in [
            ("diseas == \"DCM\"", ["diseas", "disease"], 0), ("disease == \"DCN\"", ["DCN", "DCM"], 11),
            ("disease = \"DCM\"", ["=="], 8), ("disease == \"DCM", [], 11), ("(age > 3", [], nil),
            ("age > \"x\"", [], nil),
        ] as [(String, [String], Int?)] {
            for option in ["--where", "--cells"] {
                let query = option == "--where" ? ["--cell", "cell0"] : []
                let result = try bench.refused(1, ["nearest", database] + query + [option, expression])
                let lines = result.stderr.split(separator: "\n").map(String.init)
                try #require(lines.count == 3, "\(result.stderr)")
                #expect(lines[0] == expression)
                #expect(lines[1].trimmingCharacters(in: .whitespaces) == "^", "\(result.stderr)")
                if let column { #expect(lines[1].count == column + 1, "\(result.stderr)") }
                for word in words { #expect(lines[2].contains(word), "\(result.stderr)") }
            }
        }
        let column = try bench.run("nearest", database, "--cell", "cell0", "--exclude-same", "donr")
        #expect([1, 64].contains(column.exitCode))
        #expect(column.lastErrorLine.contains("donr") && column.lastErrorLine.contains("donor"))
    }

    @Test("wrong usage exits with 64 and says what is wrong in the last line")
    func usage() throws {
        let database = bench.database
        for arguments in [
            ["nearest", database], ["nearest", database, "--cell", "cell0", "--cells", "age > 3"],
            ["nearest", database, "--cell", "cell0", "-k", "0"], ["nearest", database, "--cell", "cell0", "-k", "x"],
            ["nearest", database, "--cell", "cell0", "--no-such-flag"], ["nearest"], ["no-such-verb"],
            ["nearest", database, "--cell", "cell0", "--threads", "0"],
            ["nearest", database, "--cell", "cell0", "--format", "xml"],
            ["nearest", database, "--vector", "x.npy", "--delete", "TTN"],
        ] {
            try bench.refused(64, arguments)
        }
        for arguments in [["--version"], ["--help"], ["nearest", "-h"], ["ingest", "-h"]] {
            let result = try CommandLineTool.embdb.run(arguments)
            #expect(result.exitCode == 0)
            #expect(!result.stdout.isEmpty)
            #expect(result.stderr.isEmpty)
        }
        #expect(try bench.run("nearest", "-h").stdout.contains("Example:\n  embdb nearest"))
    }
}
