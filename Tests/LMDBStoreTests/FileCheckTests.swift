import Foundation
import LMDBStore
import Numerics
import TestSupport
import Testing

@Suite struct FileCheckTests {
    private let table = Table<UInt32, [UInt8]>("values")

    /// A database of small and big values, its bytes.
    private func sample(_ path: String) throws -> Data {
        do {
            let environment = try Environment.open(path, mode: .create)
            for batch in 0..<3 {
                try environment.write { transaction in
                    for key in 0..<40 {
                        let size = key % 10 == 0 ? 9_000 : 30
                        try table.put(
                            [UInt8](repeating: UInt8(key), count: size), for: UInt32(batch * 100 + key),
                            in: &transaction)
                    }
                }
            }
        }
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    private func openCode(_ path: String, _ mode: Environment.Mode = .readOnly) -> StoreError.Code? {
        code { () throws(StoreError) in _ = try Environment.open(path, mode: mode) }
    }

    @Test("A file cut off anywhere either opens whole or is refused; it never crashes")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let whole = try sample(folder.file("whole.embdb"))
        let path = folder.file("cut.embdb")
        var codes: [StoreError.Code: Int] = [:]
        var lengths = Array(stride(from: 0, to: whole.count, by: 1_367))
        lengths += [1, 15, 16, 100, 151, 152, 4095, 4096, 4097, 4247, 4248, 8191, 8192, 12_288]
        lengths += [whole.count - 4096, whole.count - 4095, whole.count - 1]
        for length in lengths {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            let found = openCode(path, .readWrite)
            codes[found ?? .other, default: 0] += 1
            #expect(found == (length < 152 ? .notADatabase : .truncated), "\(length) of \(whole.count) bytes")
        }
        try whole.write(to: URL(fileURLWithPath: path))
        #expect(openCode(path) == nil)
        let error = #expect(throws: StoreError.self) {
            try whole.dropLast(5_000).write(to: URL(fileURLWithPath: path))
            _ = try Environment.open(path, mode: .readOnly)
        }
        #expect(error?.missingBytes == 5_000)
    }

    @Test("A sound file that is shorter than its header says opens, and is extended")
    func legitimatelyShort() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("short.embdb")
        do {
            let environment = try Environment.open(path, mode: .create)
            for key in 10..<20 as Range<UInt32> {
                try environment.write { try table.put([UInt8](repeating: 3, count: 20_000), for: key, in: &$0) }
                try environment.write { _ = try table.remove(key, in: &$0) }
            }
            try environment.write { transaction in
                try table.put([UInt8](repeating: 1, count: 100), for: 1, in: &transaction)
                // Takes from the free pages, which makes LMDB keep what is given back from here on.
                try table.put([UInt8](repeating: 1, count: 9_000), for: 3, in: &transaction)
                // Pages taken at the end and given back: LMDB counts them and never writes them.
                try table.put([UInt8](repeating: 2, count: 400_000), for: 2, in: &transaction)
                try table.remove(2, in: &transaction)
            }
        }
        let extended = try Data(contentsOf: URL(fileURLWithPath: path))
        let used = extended.lastIndex { $0 != 0 }.map { ($0 / 4096 + 1) * 4096 } ?? 0
        #expect(used + 400_000 <= extended.count, "nothing was given back: the test shows nothing")
        for mode in [Environment.Mode.readOnly, .readWrite] {
            // What a kill between LMDB's commit and our extension leaves.
            try extended.prefix(used).write(to: URL(fileURLWithPath: path))
            let environment = try Environment.open(path, mode: mode)
            #expect(try environment.read { try table.value(for: 1, in: $0) } == [UInt8](repeating: 1, count: 100))
            #expect(try environment.fileBytes() == UInt64(extended.count))
            try Environment.checkPages(ofFile: environment.path)
        }
        try extended.prefix(3 * 4096).write(to: URL(fileURLWithPath: path))
        #expect(openCode(path) == .truncated)
    }

    @Test("Files that are something else are refused by name")
    func foreign() throws {
        let folder = try TemporaryFolder()
        var random = SeededRandom(seed: 5)
        let garbage = Data((0..<50_000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        let contents = [
            "garbage": garbage, "zeros": Data(count: 50_000), "text": Data("gene\tcount\n".utf8),
            "hdf5": Data("\u{89}HDF\r\n\u{1a}\n".utf8),
        ]
        for (name, data) in contents {
            let path = folder.file(name)
            try data.write(to: URL(fileURLWithPath: path))
            for mode in [Environment.Mode.readOnly, .readWrite, .create] {
                #expect(openCode(path, mode) == .notADatabase)
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == data, "\(name) was changed")
            #expect(!FileManager.default.fileExists(atPath: path + "-lock"))
        }
        #expect(openCode(folder.path) == .notADatabase)
        #expect(openCode(folder.path, .create) == .notADatabase)
        #expect(openCode(folder.file("missing")) == .notFound)
        #expect(openCode(folder.file("missing"), .readWrite) == .notFound)
        #expect(openCode(folder.file("no/folder"), .create) == .notFound)
        #expect(!FileManager.default.fileExists(atPath: folder.file("missing")))
    }

    @Test("An empty file becomes a database only in create mode")
    func empty() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("empty")
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(openCode(path) == .notADatabase)
        #expect(openCode(path, .readWrite) == .notADatabase)
        // A lock file of a former database of that name does not matter.
        try garbageLock(path + "-lock")
        let environment = try Environment.open(path, mode: .create)
        #expect(try environment.read { $0.tableNames } == [])
        try environment.write { try table.put([1], for: 1, in: &$0) }
    }

    private func garbageLock(_ path: String) throws {
        try Data(repeating: 0xAB, count: 9000).write(to: URL(fileURLWithPath: path))
    }

    @Test("A changed byte in a B-tree page is found by the walk or changes nothing it looks at; it never crashes")
    func flippedBytes() throws {
        let folder = try TemporaryFolder()
        let whole = try sample(folder.file("whole.embdb"))
        let path = folder.file("flipped.embdb")
        var random = SeededRandom(seed: 11)
        var found = 0
        for _ in 0..<400 {
            var bytes = whole
            // Headers of pages, where all the structure is.
            let page = Int(random.next() % UInt64(whole.count / 4096 - 2)) + 2
            bytes[page * 4096 + Int(random.next() % 64)] ^= UInt8(1 << (random.next() % 8))
            try bytes.write(to: URL(fileURLWithPath: path))
            do {
                try Environment.checkPages(ofFile: path)
            } catch {
                #expect([.corrupted, .truncated].contains(error.code))
                found += 1
            }
        }
        #expect(found > 20)
    }

    @Test("Changed bytes in the header are refused or harmless, never a crash")
    func flippedHeader() throws {
        let folder = try TemporaryFolder()
        let whole = try sample(folder.file("whole.embdb"))
        let path = folder.file("flipped.embdb")
        for index in Array(0..<152) + Array(4096..<4096 + 152) {
            for bit in [0, 7] as [UInt8] {
                var bytes = whole
                bytes[index] ^= 1 << bit
                try bytes.write(to: URL(fileURLWithPath: path))
                do { try Environment.checkPages(ofFile: path) } catch {
                    #expect(
                        [.corrupted, .truncated, .notADatabase, .versionMismatch].contains(error.code), "byte \(index)")
                }
            }
        }
    }

    @Test("A commit on the wrong header page is refused: LMDB would map the other one")
    func misplacedHeader() throws {
        let folder = try TemporaryFolder()
        let whole = try sample(folder.file("whole.embdb"))
        let path = folder.file("misplaced.embdb")
        for page in [0, 1] {
            var bytes = whole
            // The commit number, 128 bytes behind the page header.
            bytes[page * 4096 + 144] += 1
            // With pages missing it would be killed that way.
            try bytes.prefix(13 * 4096).write(to: URL(fileURLWithPath: path))
            #expect(openCode(path) == .corrupted)
            #expect(code { () throws(StoreError) in try Environment.checkPages(ofFile: path) } == .corrupted)
        }
    }
}
