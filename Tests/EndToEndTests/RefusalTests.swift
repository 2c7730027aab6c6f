import Foundation
import TestSupport
import Testing

/// Input that cannot be ingested: exit code 1, a message that says what and where, and a database that shows what it
/// showed before.
@Suite(.serialized)
struct RefusalTests {
    private let bench: Workbench
    private let before: Contents

    init() throws {
        bench = try Workbench.filled()
        before = try Contents(bench.database)
    }

    private func refuse(
        _ arguments: [String], saying words: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try bench.refused(1, ["ingest", bench.database] + arguments, sourceLocation: sourceLocation)
        for word in words {
            #expect(result.lastErrorLine.contains(word), "\(result.stderr)", sourceLocation: sourceLocation)
        }
        let isUnchanged = try Contents(bench.database) == before
        #expect(isUnchanged, "\(result.command) changed the database", sourceLocation: sourceLocation)
        // A new database is not left behind as one with cells or an ingest to go on with.
        let fresh = bench.file("fresh-\(UUID().uuidString).embdb")
        let other = try CommandLineTool.embdb.run(["ingest", fresh] + arguments + ["--model", bench.model])
        #expect(other.exitCode == 1, "\(other.command): \(other.stderr)", sourceLocation: sourceLocation)
        if FileManager.default.fileExists(atPath: fresh) {
            let info = try bench.run("info", fresh, "--format", "json")
            if info.exitCode == 0 {
                #expect(try info.json()["cells"].int == 0, sourceLocation: sourceLocation)
                #expect(try info.json()["pending_ingest"].isNull, sourceLocation: sourceLocation)
            }
            let good = try CommandLineTool.embdb.run([
                "ingest", fresh, Workbench.fixture("layers"), "--model", bench.model,
            ])
            #expect(good.exitCode == 0, "\(good.stderr)", sourceLocation: sourceLocation)
        }
    }

    @Test(
        "values that are no counts, with row and value",
        arguments: [
            ("negative", ["row 149", "-3", "negative"]), ("fractional", ["row 149", "2.5", "whole"]),
            ("nan", ["row 149", "NaN"]),
        ])
    func values(name: String, words: [String]) throws {
        try refuse([Workbench.fixture(name)], saying: ["\(name).h5ad", "X"] + words)
        // Also where the matrix is named, and so nothing is looked at beforehand: two commits may have been made.
        try refuse([Workbench.fixture(name), "--layer", "X"], saying: ["\(name).h5ad", "X"] + words)
        // And behind a file that is whole.
        try refuse(
            [Workbench.fixture("more"), Workbench.fixture(name), "--layer", "X"], saying: ["\(name).h5ad"] + words)
    }

    @Test("files that are none: missing, a folder, empty, text, cut off")
    func files() throws {
        let empty = bench.file("empty.h5ad")
        try Data().write(to: URL(fileURLWithPath: empty))
        let text = bench.file("text.h5ad")
        try Data(String(repeating: "cells, genes\n", count: 900).utf8).write(to: URL(fileURLWithPath: text))
        try refuse([bench.file("none.h5ad")], saying: ["none.h5ad"])
        try refuse([bench.folder.path], saying: [bench.folder.path, "folder"])
        try refuse([empty], saying: ["empty.h5ad", "empty"])
        try refuse([text], saying: ["text.h5ad"])
        let whole = try Data(contentsOf: URL(fileURLWithPath: Workbench.fixture("more")))
        for (number, share) in [0.1, 0.5, 0.9, 0.99].enumerated() {
            let cut = bench.file("cut\(number).h5ad")
            try whole.prefix(Int(share * Double(whole.count))).write(to: URL(fileURLWithPath: cut))
            try refuse([cut], saying: ["cut\(number).h5ad"])
        }
    }

    @Test("genes of another species, cell ids that occur twice, and a column that changes its type")
    func contents() throws {
        try refuse([Workbench.fixture("mouse")], saying: ["0 of 240", "ENSMUSG", "mouse", "human"])
        try refuse([Workbench.fixture("twice")], saying: ["twice4", "twice.h5ad", "4", "9"])
        let result = try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("donor_is_number")], saying: "donor", "category", "number")
        #expect(result.lastErrorLine.contains("donor_is_number.h5ad"))
        #expect(try Contents(bench.database) == before)
    }

    @Test("names that are not there: layer, columns, model folder; another model")
    func names() throws {
        try refuse([Workbench.fixture("more"), "--layer", "layers/count"], saying: ["layers/count", "more.h5ad"])
        try refuse([Workbench.fixture("more"), "--gene-column", "ensembl"], saying: ["ensembl", "ensembl_id"])
        try refuse([Workbench.fixture("more"), "--cell-column", "weigt"], saying: ["weigt", "weight"])
        try refuse([Workbench.fixture("more"), "--where", "diseas == \"HCM\""], saying: ["diseas", "disease"])
        let other = bench.file("other")
        try Workbench.write(.init(seed: 2), to: other)
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("more"), "--model", other], saying: "model", "--model")
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("more"), "--model", "default"], saying: "model")
        try bench.refused(
            1, ["ingest", bench.database, Workbench.fixture("more"), "--model", bench.file("nothing")],
            saying: "nothing")
        #expect(try Contents(bench.database) == before)
        try bench.refused(64, ["ingest", bench.file("new.embdb"), Workbench.fixture("more")], saying: "--model")
        try bench.refused(64, ["ingest", bench.database])
        try bench.refused(64, ["ingest", bench.database, Workbench.fixture("more"), "--sample", "0"])
    }
}
