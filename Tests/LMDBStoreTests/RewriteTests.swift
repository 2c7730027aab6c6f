import Foundation
import Glibc
import LMDBStore
import Synchronization
import TestSupport
import Testing

/// A file that takes another one's place under everybody's feet.
@Suite struct RewriteTests {
    private static let table = Table<UInt32, [UInt8]>("t")

    private static func put(_ value: UInt8, _ key: UInt32, _ environment: Environment) throws {
        try environment.write { try table.put([value], for: key, in: &$0) }
    }

    private static func value(_ key: UInt32, _ environment: Environment) throws -> [UInt8]? {
        try environment.read { try table.value(for: key, in: $0) }
    }

    /// Makes the new file: what the old one has, and key 100.
    private static func rewrite(_ environment: Environment) throws {
        try environment.rewrite { transaction, path in
            var all: [(UInt32, [UInt8])] = []
            try table.forEach(in: transaction) { all.append(($0, $1)) }
            let new = try Environment.open(path, mode: .create)
            try new.write { transaction in
                for (key, value) in all + [(100, [7])] { try table.put(value, for: key, in: &transaction) }
            }
        }
    }

    private static func inode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
    }

    private static func names(_ folder: TemporaryFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.file("")).sorted()
    }

    /// What a process has open, those that it starts have, too, until they become another program.
    @Test("A rewriting that failed has left its lock, whatever processes other threads start in that moment")
    func startedProcesses() throws {
        struct Stop: Error {}
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try Self.put(1, 1, environment)
        let isOver = Atomic(false)
        let starter = Thread {
            var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
            while !isOver.load(ordering: .relaxed) {
                var child: pid_t = 0
                if posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil) == 0 { waitpid(child, nil, 0) }
            }
            free(arguments[0])
        }
        starter.start()
        defer { isOver.store(true, ordering: .relaxed) }
        for _ in 0..<1000 {
            #expect(throws: Stop.self) { try environment.rewrite { _, _ in throw Stop() } }
        }
    }

    @Test("All who have it open see the new file and write to it; a transaction keeps the old one to its end")
    func replaced() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let (first, second) = (try Environment.open(path, mode: .create), try Environment.open(path, mode: .readWrite))
        try Self.put(1, 1, first)
        let before = try Self.inode(path)
        try second.read { (transaction: borrowing ReadTransaction) throws in
            try Self.rewrite(first)
            #expect(try Self.table.value(for: 100, in: transaction) == nil)
            #expect(try Self.table.value(for: 1, in: transaction) == [1])
        }
        #expect(try Self.inode(path) != before)
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"] || Self.names(folder) == ["a.embdb"])
        #expect(try Self.value(100, second) == [7])
        try Self.put(2, 2, second)
        try Self.put(3, 3, first)
        let third = try Environment.open(path, mode: .readOnly)
        for environment in [first, second, third] {
            #expect(try [1, 2, 3, 100].map { try Self.value($0, environment) } == [[1], [2], [3], [7]])
        }
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"])
        try Environment.checkPages(ofFile: path)
    }

    @Test("Through a symbolic link the file itself is replaced, and both names have one -lock file")
    func linked() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try Self.put(1, 1, environment)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "a.embdb")
        let linked = try Environment.open(folder.file("link"), mode: .readWrite)
        try Self.rewrite(linked)
        #expect(try Self.value(100, environment) == [7])
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link")) == "a.embdb")
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock", "link"])
    }

    @Test("A failure leaves the old file, and nothing beside it; meanwhile writers and other rewritings are kept out")
    func failure() throws {
        struct Failure: Error {}
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try Self.put(1, 1, environment)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        // What a killed one left.
        try before.prefix(before.count / 2).write(to: URL(fileURLWithPath: path + "-compact"))
        #expect(throws: Failure.self) {
            try environment.rewrite { _, new in
                #expect(!FileManager.default.fileExists(atPath: new))
                let half = try Environment.open(new, mode: .create)
                try Self.put(1, 1, half)
                #expect(Self.code { try environment.write(waiting: 0.05) { _ in } } == .locked)
                #expect(Self.code { try environment.rewrite { _, _ in } } == .locked)
                #expect(try Self.value(1, environment) == [1])
                throw Failure()
            }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"])
        try "mine".write(toFile: path + "-compact", atomically: false, encoding: .utf8)
        #expect(Self.code { try environment.rewrite { _, _ in } } == .other)
        #expect(try String(contentsOfFile: path + "-compact", encoding: .utf8) == "mine")
        try FileManager.default.removeItem(atPath: path + "-compact")
        try Self.put(2, 2, environment)
        let reading = try Environment.open(path, mode: .readOnly)
        #expect(Self.code { try reading.rewrite { _, _ in } } == .readOnly)
        try environment.write { _ in #expect(Self.code { try environment.rewrite { _, _ in } } == .locked) }
    }

    private static func code(_ body: () throws -> Void) -> StoreError.Code? {
        do { try body() } catch { return (error as? StoreError)?.code }
        return nil
    }

    @Test("A writer of another process that has the old file open writes to the new one")
    func otherProcess() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try Self.put(1, 1, environment)
        let (opened, replaced) = (folder.file("opened"), folder.file("replaced"))
        async let other = #expect(processExitsWith: .success) {
            [path = path as String, opened = opened as String, replaced = replaced as String] in
            let environment = try Environment.open(path, mode: .readWrite)
            try Self.put(2, 2, environment)
            try Data().write(to: URL(fileURLWithPath: opened))
            while access(replaced, F_OK) != 0 { usleep(1000) }
            #expect(try Self.value(100, environment) == [7])
            try Self.put(3, 3, environment)
        }
        // Not `usleep`: the other process is started by the threads that this one would keep.
        while access(opened, F_OK) != 0 { try await Task.sleep(for: .milliseconds(2)) }
        try Self.rewrite(environment)
        try Data().write(to: URL(fileURLWithPath: replaced))
        _ = await other
        #expect(try [1, 2, 3, 100].map { try Self.value($0, environment) } == [[1], [2], [3], [7]])
        try Environment.checkPages(ofFile: path)
    }

    @Test("A note of a swap that was not made is forgotten, one of a swap that was made is brought to its end")
    func recovery() throws {
        for isRenamed in [false, true] {
            let folder = try TemporaryFolder()
            let (path, new) = (folder.file("a.embdb"), folder.file("a.embdb-compact"))
            try Self.put(1, 1, Environment.open(path, mode: .create))
            try Self.put(2, 1, Environment.open(new, mode: .create))
            let lock = try Self.inode(path + "-lock")
            // A second name, so that its number is not given to a new file.
            let elsewhere = try TemporaryFolder()
            #expect(link(path + "-lock", elsewhere.file("lock")) == 0)
            let note = "embdb swap 1 \(try Self.inode(path)) \(try Self.inode(new)) \(lock) ."
            try note.write(toFile: path + "-swap", atomically: false, encoding: .utf8)
            if isRenamed {
                #expect(rename(new, path) == 0)
                unlink(new + "-lock")
            }
            let environment = try Environment.open(path, mode: .readWrite)
            #expect(try Self.value(1, environment) == [isRenamed ? 2 : 1])
            #expect(try (Self.inode(path + "-lock") == lock) == !isRenamed)
            #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"])
            try Self.put(3, 3, environment)
        }
        // Half a note: it was not yet followed.
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        try Self.put(1, 1, Environment.open(path, mode: .create))
        try "embdb swap 1 4".write(toFile: path + "-swap", atomically: false, encoding: .utf8)
        #expect(try Self.value(1, Environment.open(path, mode: .readWrite)) == [1])
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"])
        // A file of the user's that has the new one's name stays, and keeps nobody from opening the database.
        try "embdb swap 1 4".write(toFile: path + "-swap", atomically: false, encoding: .utf8)
        try "mine".write(toFile: path + "-compact", atomically: false, encoding: .utf8)
        #expect(try Self.value(1, Environment.open(path, mode: .readWrite)) == [1])
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-compact", "a.embdb-lock"])
        #expect(try String(contentsOfFile: path + "-compact", encoding: .utf8) == "mine")
    }

    @Test("A file of the user's that has the note's name is no note, and stays")
    func foreignNote() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try Self.put(1, 1, environment)
        for text in ["my notes on exchanging cells", "embdb swap 1 " + String(repeating: "x", count: 400)] {
            try text.write(toFile: path + "-swap", atomically: false, encoding: .utf8)
            #expect(try Self.value(1, Environment.open(path, mode: .readWrite)) == [1])
            #expect(Self.code { try Self.rewrite(environment) } == .other)
            #expect(try String(contentsOfFile: path + "-swap", encoding: .utf8) == text)
        }
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock", "a.embdb-swap"])
    }

    /// A file with this many commits, value n at key n, and no `-lock` file.
    private static func file(_ path: String, commits: UInt8) throws {
        for number in 1...commits { try put(number, UInt32(number), Environment.open(path, mode: .create)) }
        unlink(path + "-lock")
    }

    /// LMDB would show the commit before the last one, and the next one would undo that. `SharingTests` has it with two
    /// processes.
    @Test("A file that takes the name of one that is still open is refused until that is closed", arguments: [2, 3, 4])
    func takenName(commits: UInt8) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        try Self.file(path, commits: 3)
        try Self.file(folder.file("b"), commits: commits)
        do {
            let former = try Environment.open(path, mode: .readWrite)
            #expect(try Self.value(3, former) == [3])
            #expect(rename(folder.file("b"), path) == 0)
            #expect(Self.code { _ = try Environment.open(path, mode: .readWrite) } == .locked)
            #expect(Self.code { _ = try Self.value(1, former) } == .locked)
            #expect(Self.code { try Self.put(9, 9, former) } == .locked)
        }
        let environment = try Environment.open(path, mode: .readWrite)
        try Self.put(10, 10, environment)
        #expect(try Self.value(UInt32(commits), environment) == [commits])
    }

    /// Each gave way to the other ones for ten seconds.
    @Test("Many that open a file whose compaction was killed bring that to its end without waiting for each other")
    func openedByMany() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        try Self.put(1, 1, Environment.open(path, mode: .create))
        try "embdb swap 1 4".write(toFile: path + "-swap", atomically: false, encoding: .utf8)
        await withTaskGroup(of: StoreError.Code?.self) { group in
            for _ in 0..<8 {
                group.addTask { Self.code { _ = try Environment.open(path, mode: .readWrite) } }
            }
            for await code in group { #expect(code == nil) }
        }
        #expect(try Self.names(folder) == ["a.embdb", "a.embdb-lock"])
    }

    @Test("What is written to a database that was removed or renamed is refused; it can still be read")
    func removed() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try Self.put(1, 1, environment)
        #expect(rename(path, folder.file("b.embdb")) == 0)
        #expect(Self.code { try Self.put(2, 2, environment) } == .notFound)
        #expect(try Self.value(1, environment) == [1])
    }
}
