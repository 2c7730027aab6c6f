import Foundation
import LMDBStore
import Numerics
import TestSupport
import Testing

/// Many readers, readers that die, and readers beside a writer for a while.
@Suite struct ReaderTests {
    private static let table = Table<UInt32, [UInt8]>("values")

    private static func rewrite(_ environment: Environment, commits: Int) throws {
        for commit in 0..<commits {
            try environment.write {
                try table.put([UInt8](repeating: UInt8(commit % 251), count: 100_000), for: 1, in: &$0)
            }
        }
    }

    @Test("200 snapshots are open at once, over threads and nested")
    func manyReaders() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try Self.rewrite(environment, commits: 1)
        @Sendable func nest(_ depth: Int) throws -> Int {
            try environment.read { transaction in
                guard depth > 1 else { return try Self.table.count(in: transaction) }
                return try nest(depth - 1) + Self.table.count(in: transaction)
            }
        }
        #expect(try nest(200) == 200)
        let threads = (0..<8).map { _ in
            Background {
                let count = try nest(100)
                #expect(count == 100)
            }
        }
        for thread in threads { try thread.wait() }
    }

    @Test("More readers than there are slots is an error that says so, and none is lost by it")
    func tooManyReaders() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try Self.rewrite(environment, commits: 1)
        func nest(_ depth: Int) throws -> Int {
            try environment.read { transaction in
                try depth > 1 ? nest(depth - 1) + 1 : Self.table.count(in: transaction)
            }
        }
        let error = #expect(throws: StoreError.self) { try nest(1_100) }
        #expect(error?.code == .tooManyReaders)
        #expect(try nest(1_000) == 1_000)
    }

    @Test("A reader that was killed keeps no page: its slot is free again, and the file does not grow")
    func deadReader() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        do {
            let environment = try Environment.open(path, mode: .create)
            try Self.rewrite(environment, commits: 5)
        }
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let environment = try Environment.open(path, mode: .readOnly)
            try environment.read { transaction in
                let count = try Table<UInt32, [UInt8]>("values").count(in: transaction)
                #expect(count == 1)
                kill(getpid(), SIGKILL)
            }
        }
        let environment = try Environment.open(path, mode: .readWrite)
        let start = try environment.fileBytes()
        try Self.rewrite(environment, commits: 100)
        #expect(try environment.fileBytes() < start + 1_000_000)
        // One that lives does keep the pages it sees from being used again, so the file has to grow.
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(try Self.table.count(in: transaction) == 1)
            try Self.rewrite(environment, commits: 100)
        }
        #expect(try environment.fileBytes() > start + 5_000_000)
    }

    /// Every commit writes its number everywhere: 20 values of a table, 500 rows of a column.
    private static let column = BlockColumn(name: "rows", rowsPerBlock: 64, stride: 1024, kind: 9)
    private static let numbers = Table<String, UInt64>("meta")

    private static func write(_ number: UInt64, _ environment: Environment) throws {
        try environment.write { transaction in
            for key in 0..<20 { try numbers.put(number, for: "\(key)", in: &transaction) }
            let row = [UInt64](repeating: number, count: 128 * 500)
            try row.withUnsafeBytes { try column.replaceAll($0, in: &transaction) }
        }
    }

    /// The number of the commit that a snapshot shows; an issue if it shows parts of several.
    static func readNumber(_ environment: Environment) throws -> UInt64 {
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            let number = try #require(try numbers.value(for: "0", in: transaction))
            for key in 1..<20 { #expect(try numbers.value(for: "\(key)", in: transaction) == number) }
            let rows = try column.blockRows(count: 500, in: transaction)
            let isWhole = (0..<500).allSatisfy { row in rows.row(row, as: UInt64.self)[row % 128] == number }
            #expect(isWhole, "rows of another commit than \(number)")
            return number
        }
    }

    @Test("8 threads and 2 processes read while one writes: each sees one commit as a whole, and never an older one")
    func stress() async throws {
        let folder = try TemporaryFolder()
        let (path, stop) = (folder.file("a.embdb"), folder.file("stop"))
        let environment = try Environment.open(path, mode: .create)
        try Self.write(1, environment)
        let end = Date(timeIntervalSinceNow: Double(Effort.count("EMBDB_STRESS_SECONDS", quick: 2, slow: 20)))
        let writer = Background {
            var number: UInt64 = 1
            while Date() < end || number < 10 {
                number += 1
                try Self.write(number, environment)
            }
            try Data().write(to: URL(fileURLWithPath: stop))
        }
        let readers = (0..<8).map { _ in
            Background {
                var last: UInt64 = 0
                while !writer.isDone {
                    let number = try Self.readNumber(environment)
                    #expect(number >= last)
                    last = number
                }
            }
        }
        async let first: Void = Self.readElsewhere(path, stop)
        async let second: Void = Self.readElsewhere(path, stop)
        _ = await (first, second)
        for thread in readers + [writer] { try thread.wait() }
        try Environment.checkPages(ofFile: path)
    }

    private static func readElsewhere(_ path: String, _ stop: String) async {
        await #expect(processExitsWith: .success) { [path, stop] in
            let environment = try Environment.open(path, mode: .readOnly)
            var last: UInt64 = 0
            while access(stop, F_OK) != 0 {
                let number = try ReaderTests.readNumber(environment)
                #expect(number >= last)
                last = number
            }
        }
    }

    @Test("File systems of a network are known by their numbers, the disks of this machine are none")
    func networkFileSystems() throws {
        #expect(NetworkFileSystem.name(ofType: 0x6969) == "NFS")
        #expect(NetworkFileSystem.name(ofType: 0xFF53_4D42) == "CIFS")
        #expect(NetworkFileSystem.name(ofType: 0x6573_5546) == "FUSE")
        for local: UInt32 in [0xEF53, 0x0102_1994, 0x5846_5342, 0x9123_683E, 0x794C_7630, 0] {
            #expect(NetworkFileSystem.name(ofType: local) == nil)
        }
        #expect(NetworkFileSystem.name(at: "/dev/shm/there is no such file") == nil)
        #expect(NetworkFileSystem.name(at: "/proc/self/status") == nil)
        #expect(NetworkFileSystem.name(at: "/there/is no/such folder") == nil)
    }
}
