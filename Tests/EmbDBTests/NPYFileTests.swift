import EmbDB
import Foundation
import TestSupport
import Testing

@Suite(".npy files that are read")
struct NPYFileTests {
    private static func npy(
        _ header: String, _ body: [UInt8], version: UInt8 = 1, length: Int? = nil
    ) -> [UInt8] {
        let text = Array((header + "\n").utf8)
        let count = length ?? text.count
        let size = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + text + body
    }

    private static func header(_ type: String, _ shape: String, fortran: String = "False") -> String {
        "{'descr': '\(type)', 'fortran_order': \(fortran), 'shape': \(shape), }"
    }

    private static func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

    private static func read(_ bytes: [UInt8]) throws -> [[Float]] {
        let folder = try TemporaryFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: folder.file("v.npy")))
        return try NPYFile.readVectors(folder.file("v.npy"))
    }

    @Test("f4 and f8, one and two dimensions, and the versions of the header")
    func values() throws {
        let f4 = Self.bytes([1, -2.5, 3, 4, 5, 1e30] as [Float])
        let f8 = Self.bytes([1, -2.5, 3, 4, 5, 1e30] as [Double])
        let expected: [[Float]] = [[1, -2.5, 3], [4, 5, 1e30]]
        for version in [1, 2, 3] as [UInt8] {
            #expect(try Self.read(Self.npy(Self.header("<f4", "(2, 3)"), f4, version: version)) == expected)
            #expect(try Self.read(Self.npy(Self.header("<f8", "(2, 3)"), f8, version: version)) == expected)
        }
        #expect(try Self.read(Self.npy(Self.header("<f4", "(6,)"), f4)) == [expected.flatMap { $0 }])
        #expect(try Self.read(Self.npy(Self.header("<f8", "(6,)") + String(repeating: " ", count: 100), f8)).count == 1)
        #expect(try Self.read(Self.npy(Self.header("<f4", "(0, 3)"), [])) == [])
    }

    @Test(
        "what is no matrix of finite numbers is refused",
        arguments: [
            ("Fortran order", header("<f4", "(1, 2)", fortran: "True"), 8),
            ("big-endian", header(">f4", "(1, 2)"), 8), ("integers", header("<i8", "(1, 2)"), 16),
            ("half floats", header("<f2", "(1, 2)"), 4), ("objects", header("|O", "(1, 2)"), 16),
            ("a structure", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8),
            ("no dimension", header("<f4", "()"), 4), ("three dimensions", header("<f4", "(1, 1, 2)"), 8),
            ("too short", header("<f4", "(1, 2)"), 7), ("too long", header("<f4", "(1, 2)"), 9),
            ("negative", header("<f4", "(-1, -2)"), 8), ("one negative", header("<f4", "(1, -2)"), 8),
            ("huge", header("<f4", "(4611686018427387904, 4)"), 0),
            ("huge to nothing", header("<f4", "(4611686018427387904, 4611686018427387904)"), 0),
            ("beyond numbers", header("<f4", "(99999999999999999999999, 2)"), 8),
            ("beyond numbers alone", header("<f4", "(99999999999999999999999,)"), 0),
            ("no shape", "{'descr': '<f4', 'fortran_order': False, }", 8), ("nothing", "", 0),
        ])
    func hostile(what: String, header: String, body: Int) throws {
        let error = #expect(throws: EmbDBError.self, "\(what)") {
            _ = try Self.read(Self.npy(header, [UInt8](repeating: 0, count: body)))
        }
        #expect(error?.code == .input, "\(what)")
        #expect(error?.message.contains("v.npy") == true)
    }

    @Test("NaN and infinities are named by row; f8 beyond f4 is infinite")
    func notFinite() throws {
        for bad in [Double.nan, .infinity, -.infinity, 1e300] {
            let error = #expect(throws: EmbDBError.self) {
                _ = try Self.read(Self.npy(Self.header("<f8", "(3, 2)"), Self.bytes([0, 1, 2, 3, 4, bad])))
            }
            #expect(error?.code == .input && error?.message.contains("row 2") == true)
        }
    }

    @Test("a file cut off anywhere is refused; so are a header beyond the file and an endless one")
    func truncated() throws {
        for version in [1, 2] as [UInt8] {
            let whole = Self.npy(
                Self.header("<f4", "(2, 3)"), Self.bytes([Float](repeating: 1, count: 6)), version: version)
            for length in 0..<whole.count {
                let error = #expect(throws: EmbDBError.self, "\(length)") { _ = try Self.read(Array(whole[..<length])) }
                #expect(error?.code == .input)
            }
        }
        for length in [60_000, 1 << 24, 0xFFFF_FFFF] {
            #expect(throws: EmbDBError.self) {
                _ = try Self.read(Self.npy(Self.header("<f4", "(2, 3)"), [], version: 2, length: length))
            }
        }
        let endless = String(repeating: "'descr': '", count: 1 << 20)
        #expect(throws: EmbDBError.self) { _ = try Self.read(Self.npy(endless, [], version: 2)) }
        let missing = #expect(throws: EmbDBError.self) { _ = try NPYFile.readVectors("/no/such.npy") }
        #expect(missing?.code == .input || missing?.code == .notFound)
    }

    @Test("exported embeddings can be read back as queries")
    func roundTrip() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let path = space.path("e.npy")
        #expect(try database.exportEmbeddings(to: path) == 47)
        #expect(try NPYFile.readVectors(path) == space.exports(database).vectors)
    }
}
