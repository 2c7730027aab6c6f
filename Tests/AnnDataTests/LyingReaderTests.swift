import AnnData
import Foundation
import Synchronization
import Testing

/// A reader process whose memory a damaged file has overwritten: it answers as the real one, but for one operation.
private final class LyingReader: HDF5Reader {
    private let reader: ReaderProcess
    private let operation: UInt8
    private let lie: (status: ReaderStatus, bytes: [UInt8])
    /// What a request that is lied about names.
    private let name: String

    /// `operation` is the number of a `ReaderOperation`.
    init(about operation: UInt8, naming name: String = "", _ status: ReaderStatus, _ bytes: [UInt8]) throws {
        reader = try ReaderProcess.start()
        self.operation = operation
        self.name = name
        lie = (status, bytes)
    }

    func answer(
        _ request: [UInt8], into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int) {
        let answer = try reader.answer(request, into: &memory)
        let text = String(decoding: request, as: UTF8.self)
        guard request.first == operation, name.isEmpty || text.contains(name) else { return answer }
        memory.copyBytes(from: lie.bytes)
        return (lie.status, lie.bytes.count)
    }
}

@Suite struct LyingReaderTests {
    private func error(about operation: UInt8, _ bytes: [UInt8], _ status: ReaderStatus = .done) throws -> AnnDataError?
    {
        let reader = try LyingReader(about: operation, status, bytes)
        let fingerprint = FileFingerprint(size: 25_320, modified: 0)
        return thrown { () throws(AnnDataError) in
            let path = Fixture.path("csr_float32_plain")
            let file = try CellFile(HDF5File(path: path, fingerprint: fingerprint, reader: reader))
            var names = try file.obs.names(0..<file.cellCount)
            names.removeAll()
        }
    }

    @Test("a shape beyond the file's size is refused before room is made for it")
    func shape() throws {
        // Texts, one dimension of 2^40, neither chunks nor filters, to be read by request.
        let error = try error(about: 4, [11, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(error?.code == .inconsistent && error?.path == "obs/_index", "\(error?.description ?? "")")
        #expect(error?.detail.contains("[1099511627776]") == true)
    }

    @Test("a table's column of another length than the table is refused")
    func tableColumn() throws {
        // Texts, one dimension of 1, neither chunks nor filters, to be read by request.
        let lie: [UInt8] = [11, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let reader = try LyingReader(about: 4, naming: "number", .done, lie)
        let fingerprint = FileFingerprint(size: 25_320, modified: 0)
        let path = Fixture.path("Formats/tables")
        let error = thrown { () throws(AnnDataError) in
            _ = try CellFile(HDF5File(path: path, fingerprint: fingerprint, reader: reader)).obs.count
        }
        #expect(
            error?.code == .inconsistent && error?.detail.contains("number") == true, "\(String(describing: error))")
    }

    @Test("chunks that do not lie where the reader says are read by request")
    func chunkPlaces() throws {
        let path = Fixture.path("direct_f4_i4")
        var info = stat()
        #expect(stat(path, &info) == 0)
        let fingerprint = FileFingerprint(
            size: Int64(info.st_size),
            modified: Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec))
        // Inside of the file; beyond its end; larger than all memory; all there is.
        for (offset, size) in [(1_000, 50), (25_000, 5_000), (UInt64.max, UInt64.max), (0, 25_342)]
            as [(UInt64, UInt64)]
        {
            var place: [UInt8] = []
            for number in [offset, size] { withUnsafeBytes(of: number) { place += $0 } }
            place += [0, 0, 0, 0]
            // The chunks of the data, seven values each; the indices' are not lied about.
            let entries = Fixture.rows(0..<Fixture.cells).reduce(0) { $0 + $1.count }
            let lie = [[UInt8]](repeating: place, count: (entries + 6) / 7).flatMap(\.self)
            try expectRequests(LyingReader(about: 8, naming: "X/data", .done, lie), path, fingerprint)
        }
        // No chunks, too few, and a library that cannot find them.
        try expectRequests(LyingReader(about: 8, naming: "X/data", .done, []), path, fingerprint, isAlive: false)
        try expectRequests(LyingReader(about: 8, .failed, Array("its chunks cannot be found".utf8)), path, fingerprint)
    }

    /// All counts are there, by requests; or the reader is taken for dead.
    private func expectRequests(
        _ reader: LyingReader, _ path: String, _ fingerprint: FileFingerprint, isAlive: Bool = true
    ) throws {
        let file = try CellFile(HDF5File(path: path, fingerprint: fingerprint, reader: reader))
        var counts = try file.countReader(layer: "X", rule: .counts)
        let right = Mutex(0)
        let error = thrown { () throws(AnnDataError) in
            try counts.forEachRow(0..<Fixture.cells, threads: 2, makeState: {}) {
                (_: inout Void, row, columns, values) in
                var part = 0
                for entry in columns.indices where values[entry] == Fixture.count(row, Int(columns[entry])) {
                    part += 1
                }
                right.withLock { [part] in $0 += part }
            }
        }
        #expect(counts.directRows == 0)
        guard isAlive else {
            #expect(error?.code == .damaged)
            return
        }
        #expect(error == nil)
        let entries = Fixture.rows(0..<Fixture.cells).reduce(0) { $0 + $1.count }
        #expect(right.withLock { $0 } >= entries)
    }

    @Test("answers that make no sense are those of a crashed process")
    func nonsense() throws {
        for bytes in [[], [255], [11, 1, 0, 0, 0], [11, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0]] as [[UInt8]]
        {
            #expect(try error(about: 4, bytes)?.code == .damaged, "\(bytes)")
        }
        #expect(try error(about: 2, [255, 255, 255, 255])?.code == .damaged, "more links than bytes")
        #expect(try error(about: 6, [1, 0, 0, 0, 1, 0, 0, 0, 65])?.code == .damaged, "fewer texts than asked for")
        #expect(try error(about: 3, [0xFF], .missing)?.code == .noSuchElement, "a message that is no UTF-8")
    }
}
