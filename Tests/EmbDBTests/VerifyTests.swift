import EmbDB
import Foundation
import LMDBStore
import Numerics
import TestSupport
import Testing

@Suite("verify on damaged files")
struct VerifyTests {
    /// A child process does the dangerous part; what it was at is in the file `at` when it dies.
    @Test("a flipped byte is found, or changes nothing that can be exported; nothing crashes")
    func flippedBytes() async throws {
        let folder = try TemporaryFolder()
        await #expect(processExitsWith: .success) { [path = folder.path as String] in
            try Self.flip(in: path)
        }
        let result = try String(contentsOfFile: folder.file("result"), encoding: .utf8)
        let counts = result.split(separator: " ").compactMap { Int($0) }
        #expect(
            counts.count == 3, "died at byte \((try? String(contentsOfFile: folder.file("at"), encoding: .utf8)) ?? "")"
        )
        #expect(counts[0] > 30, "faults found: \(result)")
        #expect(counts[2] == 0, "not found, but exports differ: \(result)")
    }

    /// Writes "faults whole changed" to the file `result`.
    private static func flip(in path: String) throws {
        let space = try Workspace()
        let (bytes, expected): ([UInt8], Exports)
        do {
            let database = try space.ingested([Fixture.small])
            expected = try space.exports(database)
            bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database.path)))
        }
        var random = SeededRandom(seed: 11)
        var (faults, whole, changed) = (0, 0, [String]())
        for round in 0..<150 {
            let position = Int(random.next() % UInt64(bytes.count))
            let bit = UInt8(1) << UInt8(random.next() % 8)
            try "\(position)".write(toFile: path + "/at", atomically: false, encoding: .utf8)
            var damaged = bytes
            damaged[position] ^= bit
            let copy = space.path("copy\(round)")
            try Data(damaged).write(to: URL(fileURLWithPath: copy))
            let report = try? Database.verify(copy)
            if report == nil || report?.fault != nil {
                faults += 1
            } else if try space.exports(Database.open(copy)) == expected {
                whole += 1
            } else {
                changed.append("\(position)/\(bit)")
            }
            try FileManager.default.removeItem(atPath: copy)
            try? FileManager.default.removeItem(atPath: copy + "-lock")
        }
        try "\(faults) \(whole) \(changed.count) \(changed.joined(separator: ","))"
            .write(toFile: path + "/result", atomically: true, encoding: .utf8)
    }

    @Test("the id of a deleted cell that leads to another one is damage")
    func deletedCell() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        _ = try database.delete(where: #"cell == "cell-0""#)
        #expect(try Database.verify(database.path).fault == nil)
        let rows = Table<String, UInt64>("cells.row")
        let environment = try Environment.open(database.path, mode: .readWrite)
        for wrong: UInt64 in [1, 47, 1 << 40, .max] {
            try environment.write { try rows.put(wrong, for: "cell-0", in: &$0) }
            #expect(try Database.verify(database.path).fault?.contains("cell-0") == true, "\(wrong)")
        }
        try environment.write { try rows.put(0, for: "cell-0", in: &$0) }
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("a file that was cut off does not open, wherever it was cut")
    func truncated() async throws {
        await #expect(processExitsWith: .success) {
            let space = try Workspace()
            let bytes: Data
            do {
                bytes = try Data(contentsOf: URL(fileURLWithPath: space.ingested([Fixture.small]).path))
            }
            let lengths =
                Array(stride(from: 1, to: bytes.count, by: 2111)) + [4095, 4096, 4097, 8191, 8192, bytes.count - 1]
            for length in lengths {
                let copy = space.path("cut\(length)")
                try bytes.prefix(length).write(to: URL(fileURLWithPath: copy))
                let error = #expect(throws: EmbDBError.self, "\(length)") { _ = try Database.open(copy) }
                #expect(error?.code == .corrupted || error?.code == .notADatabase, "\(length): \(error?.code as Any)")
                let report = try? Database.verify(copy)
                #expect(report == nil || report?.fault != nil)
                #expect(throws: EmbDBError.self) { _ = try Database.open(copy, access: .create) }
                #expect(try Data(contentsOf: URL(fileURLWithPath: copy)).count == length, "it is left as it was")
            }
        }
    }

    @Test("a whole database is whole, and says what was looked at")
    func whole() throws {
        let space = try Workspace(isV2: true)
        let database = try space.ingested([Fixture.small])
        let report = try Database.verify(database.path)
        #expect(report.fault == nil && report.cells == 47)
        let checked = Dictionary(uniqueKeysWithValues: report.checked.map { ($0.what, $0.count) })
        #expect(checked["embeddings"] == 47 && checked["cells"] == 47 && checked["obs columns"] == 6)
        #expect((checked["tensors"] ?? 0) > 30)
        let missing = #expect(throws: EmbDBError.self) { _ = try Database.verify(space.path("no")) }
        #expect(missing?.code == .notFound)
        let stopped = #expect(throws: EmbDBError.self) {
            _ = try Database.verify(database.path, control: Control(isCancelled: { true }))
        }
        #expect(stopped?.code == .cancelled)
    }
}
