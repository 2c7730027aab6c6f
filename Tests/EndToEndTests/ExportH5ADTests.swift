import Foundation
import TestSupport
import Testing

/// `export DB FILE.h5ad`; what is in the file is checked in EmbDBTests, and with Python's anndata by
/// Tools/check-anndata.
struct ExportH5ADTests {
    @Test("an exported .h5ad can be imported again: the same embeddings, ids and labels")
    func roundTrip() throws {
        let bench = try Workbench.filled()
        let contents = try Contents(bench.database)
        let path = bench.file("cells.h5ad")
        let result = try bench.run("export", bench.database, path)
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(result.stdout.isEmpty && result.stderr.contains("300 cells"))
        let copy = bench.file("copy.embdb")
        let imported = try bench.run("import", copy, path, "--obsm", "X_embdb")
        #expect(imported.exitCode == 0, "\(imported.stderr)")
        for ending in ["npy", "tsv"] {
            let exported = try bench.run("export", copy, bench.file("again.\(ending)"))
            #expect(exported.exitCode == 0, "\(exported.stderr)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: bench.file("again.npy"))) == contents.embeddings)
        #expect(try String(contentsOfFile: bench.file("again.npy.ids.txt"), encoding: .utf8) == contents.ids)
        #expect(try String(contentsOfFile: bench.file("again.tsv"), encoding: .utf8) == contents.obs)
    }

    @Test(
        "a disk without room is an error that says so, and the former file stays",
        .disabled(
            if: Sanitizer.isThread, "skipped: at its start the thread sanitizer maps a file larger than the limit"))
    func fullDisk() throws {
        let bench = try Workbench.filled()
        let path = bench.file("cells.h5ad")
        #expect(try bench.run("export", bench.database, path).exitCode == 0)
        let old = try Data(contentsOf: URL(fileURLWithPath: path))
        // A limit on the size of files stands for the disk: the same path through HDF5.
        let shell = CommandLineTool(path: "/bin/sh")
        let result = try shell.run([
            "-c", "ulimit -f 16; exec \"$0\" export \"$1\" \"$2\"", CommandLineTool.embdb.path, bench.database, path,
        ])
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.lastErrorLine.hasPrefix("embdb: ") && result.lastErrorLine.contains("too large"))
        #expect(result.lastErrorLine.contains("cells.h5ad") && result.lastErrorLine.contains("space"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == old)
        let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
        #expect(!names.contains { $0.contains("partial") })
    }

    @Test("an export replaces an export, an annotated copy such a copy, and neither a file of cells")
    func replaces() throws {
        let bench = try Workbench.filled()
        let (export, copy) = (bench.file("export.h5ad"), bench.file("copy.h5ad"))
        let annotate = ["annotate", bench.database, Workbench.fixture("more"), "--label", "disease", "--out", copy]
        for _ in 0..<2 {
            #expect(try bench.run("export", bench.database, export).exitCode == 0)
            #expect(try CommandLineTool.embdb.run(annotate).exitCode == 0)
        }
        let counts = try Data(contentsOf: URL(fileURLWithPath: copy))
        let result = try bench.run("export", bench.database, copy)
        #expect(result.exitCode == 64 && result.lastErrorLine.contains("copy.h5ad"), "\(result.stderr)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == counts)
    }

    @Test("programs are told what was written")
    func answers() throws {
        let bench = try Workbench.filled()
        let path = bench.file("cells.npy")
        let answer = try bench.run("export", bench.database, path, "--format", "json").json()
        #expect(answer["file"].string == path && answer["cells"].int == 300)
        let genes = try bench.run("export", bench.database, bench.file("genes.tsv"), "--genes", "--format", "tsv")
        #expect(genes.stdout.hasPrefix("file\tgenes\n"), "\(genes.stdout)")
    }
}
