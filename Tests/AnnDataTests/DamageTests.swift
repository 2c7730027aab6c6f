import AnnData
import Foundation
import Numerics
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct DamageTests {
    /// Reads all that the module reads.
    static func readAll(_ path: String) throws(AnnDataError) {
        let file = try CellFile(path: path)
        for frame in [file.obs, file.`var`] {
            _ = try frame.names(0..<frame.count)
            for name in frame.columnNames {
                let column = try frame.column(named: name)
                if column.kind != .unsupported { _ = try column.read(rows: 0..<column.count) }
            }
        }
        var batch = CountBatch()
        for layer in file.layerNames {
            _ = try file.holdsWholeNumbers(layer: layer)
            var reader = try file.countReader(layer: layer, rule: .normalized)
            try reader.read(rows: 0..<file.cellCount, into: &batch)
            let counts = batch
            let different = Mutex(0)
            try reader.forEachRow(0..<file.cellCount, threads: 2, makeState: {}) {
                (_: inout Void, row, columns, values) in
                let entries = counts.entries(row)
                var isSame = entries.count == columns.count
                for entry in columns.indices where isSame {
                    let place = entries.lowerBound + entry
                    isSame = columns[entry] == counts.indices[place] && values[entry] == counts.values[place]
                }
                if !isSame { different.withLock { $0 += 1 } }
            }
            #expect(different.withLock { $0 } == 0, "by chunks as by requests")
        }
        var values: [Float] = []
        for key in file.obsmKeys {
            let matrix = try file.embedding(key)
            try matrix.read(rows: 0..<matrix.rowCount, into: &values)
        }
    }

    private static func seconds(_ body: () -> Void) -> Double {
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    @Test("what is no HDF5 file is told apart")
    func notHDF5() throws {
        let folder = try TemporaryFolder()
        func code(_ path: String) -> AnnDataError.Code? {
            thrown { () throws(AnnDataError) in _ = try CellFile(path: path) }?.code
        }
        #expect(code(folder.file("nothing.h5ad")) == .notFound)
        #expect(code(folder.path) == .isDirectory)
        #expect(code("/dev/zero") == .notFound)
        try Data().write(to: URL(fileURLWithPath: folder.file("empty.h5ad")))
        #expect(code(folder.file("empty.h5ad")) == .empty)
        try Data("gene\tcell\n".utf8).write(to: URL(fileURLWithPath: folder.file("text.h5ad")))
        #expect(code(folder.file("text.h5ad")) == .unsupportedFormat)
        try Data([1, 2, 3, 4]).write(to: URL(fileURLWithPath: folder.file("bytes.h5ad")))
        #expect(code(folder.file("bytes.h5ad")) == .notHDF5)
        #expect(code(Fixture.path("not_anndata")) == .notAnnData)
        #expect(code(Fixture.path("loom")) == .notAnnData)
        if geteuid() != 0 {
            let path = folder.file("secret.h5ad")
            try Data([1]).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
            #expect(code(path) == .permissionDenied)
        }
    }

    @Test("a file with something before it (a user block) is read")
    func userBlock() throws {
        let folder = try TemporaryFolder()
        let original = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("csr_float32_plain")))
        let path = folder.file("block.h5ad")
        try (Data(count: 1024) + original).write(to: URL(fileURLWithPath: path))
        let file = try CellFile(path: path)
        #expect(file.cellCount == Fixture.cells)
    }

    @Test("a file cut anywhere is an error, soon", arguments: ["frames", "csr_float32_gzip"])
    func truncated(name: String) throws {
        let folder = try TemporaryFolder()
        let original = try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name)))
        let path = folder.file("cut.h5ad")
        var codes: [AnnDataError.Code: Int] = [:]
        for cut in 0..<40 {
            try original.prefix(original.count * cut / 40).write(to: URL(fileURLWithPath: path))
            var error: AnnDataError?
            let time = Self.seconds { error = thrown { () throws(AnnDataError) in try Self.readAll(path) } }
            codes[try #require(error).code, default: 0] += 1
            #expect(time < 10)
        }
        #expect(codes == [.empty: 1, .truncated: 39])
    }

    @Test(
        "flipped bytes are read or refused, never a crash or a hang",
        arguments: ["frames", "csr_float32_gzip", "dense_chunks", "csc_float32_plain"])
    func flipped(name: String) throws {
        let folder = try TemporaryFolder()
        let original = try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name)))
        let path = folder.file("flipped.h5ad")
        var random = SeededRandom(seed: 20)
        // Damage where something is: most of a small file is unused space.
        let used = original.indices.filter { original[$0] != 0 }
        var refused = 0
        for _ in 0..<75 {
            var bytes = original
            for _ in 0..<1 + Int(random.next() % 8) {
                bytes[used[Int(random.next() % UInt64(used.count))]] = UInt8(truncatingIfNeeded: random.next())
            }
            try bytes.write(to: URL(fileURLWithPath: path))
            var error: AnnDataError?
            let time = Self.seconds { error = thrown { () throws(AnnDataError) in try Self.readAll(path) } }
            if let error {
                refused += 1
                #expect(!error.description.contains("\n"))
            }
            // The guard allows half a second of CPU time; on a busy machine that is more by the clock.
            #expect(time < 10, "\(error?.description ?? "")")
        }
        #expect(refused > 5)
    }

    @Test("a file on which the HDF5 library turns in circles is given up (found by Tools/Fuzz)")
    func endless() throws {
        let error = thrown { () throws(AnnDataError) in _ = try CellFile(path: Fixture.path("found_endless")) }
        #expect(error?.code == .damaged)
        #expect(error?.detail.contains("does not come to an end") == true, "\(error?.description ?? "")")
    }

    @Test("threads may share a file; each gets its own answers")
    func threads() throws {
        let file = try CellFile(path: Fixture.path("frames"))
        let failures = Mutex(0)
        Parallel.forEach(64, threads: 4, makeState: { CountBatch() }) { batch, index in
            let layer = ["layers/counts", "raw/X"][index % 2]
            let genes = Fixture.genes + (index % 2) * 2
            let first = index % 20
            let ok: Bool
            do throws(AnnDataError) {
                var reader = try file.countReader(layer: layer, rule: .counts)
                try reader.read(rows: first..<first + 3, into: &batch)
                let names = try file.obs.names(first..<first + 3)
                ok =
                    batch.dictionaries == Fixture.rows(first..<first + 3, genes: genes)
                    && names == (first..<first + 3).map { "cell\($0)" }
            } catch {
                ok = false
            }
            if !ok { failures.withLock { $0 += 1 } }
        }
        #expect(failures.withLock { $0 } == 0)
    }

    @Test("when the reader process dies, every later call says so and none waits")
    func death() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("dying.h5ad")
        try FileManager.default.copyItem(atPath: Fixture.path("frames"), toPath: path)
        let file = try HDF5File(path: path)
        #expect(try file.attributes("obs")["_index"] == .strings(["_index"]))
        let readers = try Self.readers(of: path)
        #expect(readers.count == 1)
        for reader in readers { kill(reader, SIGSEGV) }
        for _ in 0..<2 {
            let error = thrown { () throws(AnnDataError) in _ = try file.attributes("obs") }
            #expect(error?.code == .damaged)
            #expect(error?.detail.contains("crashed") == true)
        }
    }

    @Test("the reader process inherits no descriptor and is gone with the file")
    func processes() throws {
        let secret = open("/dev/zero", O_RDONLY)
        defer { close(secret) }
        let folder = try TemporaryFolder()
        let path = folder.file("open.h5ad")
        try FileManager.default.copyItem(atPath: Fixture.path("frames"), toPath: path)
        var readers: [Int32] = []
        do {
            let file = try CellFile(path: path)
            readers = try Self.readers(of: path)
            #expect(readers.count == 1)
            for reader in readers {
                let targets = Self.openFiles(of: reader)
                #expect(targets.count == 5, "its streams, its socket, the file: \(targets)")
                #expect(!targets.contains("/dev/zero"))
                #expect(targets.filter { $0 == "/dev/null" }.count == 3)
            }
            #expect(file.cellCount == Fixture.cells)
        }
        let children = try Self.children()
        #expect(readers.allSatisfy { !children.contains($0) }, "ended and reaped")
    }

    private static func children() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter {
            status($0).dropFirst().first == "\(getpid())"
        }
    }

    /// The fields of /proc/PID/stat from the state on.
    private static func status(_ process: Int32) -> [Substring] {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.split(separator: " ") ?? []
    }

    private static func openFiles(of process: Int32) -> [String] {
        let folder = "/proc/\(process)/fd"
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0)
        }
    }

    /// Children of this process that have the file open; other suites run at the same time and have children too.
    private static func readers(of path: String) throws -> [Int32] {
        let name = URL(fileURLWithPath: path).pathComponents.suffix(2).joined(separator: "/")
        return try children().filter { openFiles(of: $0).contains { $0.hasSuffix(name) } }
    }
}
