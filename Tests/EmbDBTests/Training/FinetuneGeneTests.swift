import EmbDB
import Foundation
import Testing

@Suite("classifiers of genes")
struct FinetuneGeneTests {
    @Test("tells much expressed genes from others that it has not learned from; every gene is tested once")
    func learns() throws {
        let space = try Workspace()
        let table = try space.geneTable()
        let report = try space.finetune("tuned", .gene(classes: table)) { $0.folds = 2 }
        #expect(report.task == "gene" && report.classes == ["little", "much"])
        #expect(report.counts == [20, 20] && report.folds.map(\.count) == [20, 20])
        #expect((report.summary.auc?.mean ?? 0) > 0.85, "\(report.summary)")
        let rows = try Predictions(space.path("tuned")).rows
        #expect(Set(rows.map(\.name)) == Set((21...60).map { "ENSG\(String(format: "%011d", $0))" }))
        #expect(rows.count == 40)
        for row in rows { #expect(row.truth == (Int(row.name.suffix(2)).map { $0 % 2 == 0 ? "much" : "little" })) }
        let model = try ModelDescription.read(space.path("tuned"))
        #expect(model.head == "gene classifier" && model.labels == ["little", "much"] && model.unusedTensors.isEmpty)
        try space.finetune("again", .gene(classes: table)) {
            $0.folds = 2
            $0.threads = 1
        }
        #expect(try space.bytes("again") == space.bytes("tuned"))
    }

    @Test("classes that say nothing are learned by heart, but not told on tested genes: these were no targets")
    func chance() throws {
        let space = try Workspace()
        // Of four genes one after another, two of each class, and two of each parity.
        let table = try space.geneTable { "GENE\($0)\t\([0, 3].contains($0 % 4) ? "a" : "b")" }
        let report = try space.finetune("tuned", .gene(classes: table)) {
            $0.folds = 4
            $0.epochs = 6
            $0.patience = 6
        }
        let auc = report.summary.auc?.mean ?? 0
        #expect((0.2...0.8).contains(auc), "\(auc)")
        let log = try String(contentsOfFile: space.path("tuned/training.tsv"), encoding: .utf8).split(separator: "\n")
        let last = log.last { $0.hasPrefix("1\t") }?.split(separator: "\t", omittingEmptySubsequences: false) ?? []
        #expect((last.count > 3 ? Double(last[3]) : nil) ?? 9 < 0.2, "\(last)")
    }

    @Test("tables: remarks, symbols and ids, lines of Windows, genes that nobody knows")
    func tables() throws {
        let space = try Workspace()
        let lines = (21...60).map { gene in
            let id = gene % 3 == 0 ? "GENE\(gene)" : "ENSG\(String(format: "%011d", gene))"
            return "\(id)\t \(gene % 2 == 0 ? "much" : "little")\tmore"
        }
        let text =
            "# a remark\r\ngene\tclass\r\n\r\n" + lines.joined(separator: "\r\n")
            + "\r\n#GENE1\tmuch\r\nNOBODY\tmuch\r\n"
            + lines[0] + "\r\n"
        try text.write(toFile: space.path("genes.tsv"), atomically: true, encoding: .utf8)
        let warnings = Log()
        let report = try space.finetune("tuned", .gene(classes: space.path("genes.tsv")), warnings: warnings) {
            $0.epochs = 1
        }
        #expect(report.counts == [20, 20] && report.classes == ["little", "much"])
        #expect(warnings.lines.contains { $0.contains("(1)") && $0.contains("NOBODY") }, "\(warnings.lines)")
    }

    @Test("tables that say nothing, or two things, are refused with the line")
    func refusals() throws {
        let space = try Workspace()
        func refused(_ code: EmbDBError.Code, _ words: [String], _ text: String) throws {
            try text.write(toFile: space.path("genes.tsv"), atomically: true, encoding: .utf8)
            space.refused(code, words, .gene(classes: space.path("genes.tsv")))
        }
        let all = (21...60).map { "GENE\($0)\t\($0 % 2)\n" }.joined()
        try refused(
            .input, ["ENSG00000000021", "1 and 0", "lines 2 and 42"], "gene\tclass\n" + all + "ENSG00000000021\t0\n")
        try refused(.input, ["no gene and class", "line 2"], "gene\tclass\nGENE1\n")
        try refused(.input, ["no gene and class", "line 3"], "gene\tclass\nGENE1\ta\nGENE2\t\n")
        try refused(
            .input, ["no gene that the model knows", "X1, X2, X3"], "gene\tclass\nX1\ta\nX2\ta\nX3\tb\nX4\tb\n")
        try refused(.input, ["no gene that the model knows"], "")
        // Without a header the first gene would be lost, and nobody would know.
        try refused(.input, ["GENE21", "line 1", "header"], all)
        try refused(
            .nothingFound, ["0 (40)", "--min-of-class"],
            "gene\tclass\n" + all.replacingOccurrences(of: "\t1", with: "\t0"))
        try Data([0x67, 0x09, 0xff, 0xfe, 0x0a]).write(to: URL(fileURLWithPath: space.path("genes.tsv")))
        space.refused(.input, ["UTF-8"], .gene(classes: space.path("genes.tsv")))
        space.refused(.input, ["lacks.tsv"], .gene(classes: space.path("lacks.tsv")))
        space.refused(.usage, ["--group"], .gene(classes: try space.geneTable())) { $0.group = "donor" }
    }

    @Test("a table that the folder's own classes.tsv would be written over is refused")
    func ownTable() throws {
        let space = try Workspace()
        try FileManager.default.createDirectory(atPath: space.path("tuned"), withIntermediateDirectories: true)
        let table = try space.geneTable("tuned/classes.tsv")
        let before = try String(contentsOfFile: table, encoding: .utf8)
        let error = #expect(throws: EmbDBError.self) { try space.finetune("tuned", .gene(classes: table)) }
        #expect(error?.code == .usage)
        #expect(try String(contentsOfFile: table, encoding: .utf8) == before)
    }
}
