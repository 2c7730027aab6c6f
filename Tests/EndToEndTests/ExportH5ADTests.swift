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

    @Test("a disk without room is an error that says so, and the former file stays")
    func fullDisk() throws {
        let bench = try Workbench.filled()
        let path = bench.file("cells.h5ad")
        try "old".write(toFile: path, atomically: true, encoding: .utf8)
        // A limit on the size of files stands for the disk: the same path through HDF5.
        let shell = CommandLineTool(path: "/bin/sh")
        let result = try shell.run([
            "-c", "ulimit -f 16; exec \"$0\" export \"$1\" \"$2\"", CommandLineTool.embdb.path, bench.database, path,
        ])
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.lastErrorLine.hasPrefix("embdb: ") && result.lastErrorLine.contains("too large"))
        #expect(result.lastErrorLine.contains("cells.h5ad") && result.lastErrorLine.contains("space"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
        #expect(!names.contains { $0.contains("partial") })
    }
}
