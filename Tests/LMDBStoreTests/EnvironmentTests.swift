import Foundation
import Glibc
import LMDBStore
import TestSupport
import Testing

@Suite struct EnvironmentTests {
    private let table = Table<String, UInt64>("t")

    private func openCode(_ path: String, _ mode: Environment.Mode) -> StoreError.Code? {
        code { () throws(StoreError) in _ = try Environment.open(path, mode: mode) }
    }

    @Test("A file opened twice is shared, by whatever name, and closed with the last owner")
    func openedTwice() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: path)
        var first: Environment? = try Environment.open(path, mode: .create)
        let second = try Environment.open(folder.file("link"), mode: .readOnly)
        let third = try Environment.open(path, mode: .readWrite)
        try first?.write { try table.put(1, for: "a", in: &$0) }
        first = nil
        #expect(try second.read { try table.value(for: "a", in: $0) } == 1)
        try third.write { try table.put(2, for: "a", in: &$0) }
        #expect(try second.read { try table.value(for: "a", in: $0) } == 2)
        let error = #expect(throws: StoreError.self) { try second.write { try table.put(3, for: "a", in: &$0) } }
        #expect(error?.code == .readOnly)
    }

    @Test("Opening and closing from many threads at once neither crashes nor maps twice")
    func openingRaces() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<40 {
                        let environment = try Environment.open(path, mode: .create)
                        if round % 8 == task {
                            try environment.write { try table.put(UInt64(round), for: "task \(task)", in: &$0) }
                        }
                        _ = try environment.read { try table.count(in: $0) }
                    }
                }
            }
        }
        let environment = try Environment.open(path, mode: .readOnly)
        #expect(try environment.read { try table.count(in: $0) } == 8)
    }

    @Test("Readers see one commit as a whole while a writer commits; new tables appear to them")
    func readersAndWriter() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try environment.write { for key in 0..<20 { try table.put(0, for: "\(key)", in: &$0) } }
        let writer = Background {
            for round in 1...UInt64(60) {
                try environment.write { transaction in
                    for key in 0..<20 { try table.put(round, for: "\(key)", in: &transaction) }
                    // In another order than that of the names.
                    try Table<String, UInt64>("table \(round)").put(round, for: "k", in: &transaction)
                    try Table<String, UInt64>("other \(round)").put(round * 2, for: "k", in: &transaction)
                }
            }
        }
        let readers = (0..<2).map { _ in
            Background {
                var last: UInt64 = 0
                while !writer.isDone {
                    try environment.read { transaction in
                        let value = try #require(try table.value(for: "0", in: transaction))
                        for key in 0..<20 { #expect(try table.value(for: "\(key)", in: transaction) == value) }
                        #expect(value >= last)
                        last = value
                        for made in 1..<(value + 1) {
                            let (new, other) = (
                                Table<String, UInt64>("table \(made)"), Table<String, UInt64>("other \(made)")
                            )
                            #expect(try new.value(for: "k", in: transaction) == made)
                            #expect(try other.value(for: "k", in: transaction) == made * 2)
                        }
                    }
                }
            }
        }
        for thread in readers + [writer] { try thread.wait() }
        #expect(try environment.read { try table.value(for: "7", in: $0) } == 60)
    }

    @Test("A snapshot stays as it was while commits go by")
    func snapshot() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try environment.write { try table.put(1, for: "a", in: &$0) }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            for value in 2..<20 as Range<UInt64> { try environment.write { try table.put(value, for: "a", in: &$0) } }
            #expect(try table.value(for: "a", in: transaction) == 1)
        }
        #expect(try environment.read { try table.value(for: "a", in: $0) } == 19)
    }

    @Test("Two threads that write take turns; a write within a write is an error, not a deadlock")
    func writersTakeTurns() async throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<25 {
                        try environment.write { transaction in
                            let value = try table.value(for: "n", in: transaction) ?? 0
                            try table.put(value + 1, for: "n", in: &transaction)
                        }
                    }
                }
            }
        }
        #expect(try environment.read { try table.value(for: "n", in: $0) } == 100)
        let error = #expect(throws: StoreError.self) {
            try environment.write { _ in try environment.write { try table.put(0, for: "n", in: &$0) } }
        }
        #expect(error?.code == .locked)
        try environment.write { try table.put(7, for: "n", in: &$0) }
    }

    @Test("A database in a folder that is not there is refused, and the folder is named")
    func missingFolder() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: StoreError.self) {
            try Environment.open(folder.file("none/a.embdb"), mode: .create)
        }
        #expect(error?.code == .notFound)
        #expect(error?.description == "there is no such folder (\(folder.file("none"))): make it first")
    }

    @Test(
        "A process that shares the lock is named as a reader, not as a writer",
        .enabled(if: access("/usr/bin/flock", X_OK) == 0, "skipped: flock(1) is not there"))
    func sharedElsewhere() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        holder.arguments = ["--shared", "--no-fork", path, "sh", "-c", "echo held; exec sleep 30"]
        let output = Pipe()
        holder.standardOutput = output
        try holder.run()
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "held\n")
        let error = #expect(throws: StoreError.self) {
            try environment.write(waiting: 0.1) { try table.put(2, for: "a", in: &$0) }
        }
        #expect(error?.code == .locked)
        #expect(error?.description.contains("process \(holder.processIdentifier) reads the database") == true)
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        try environment.write { try table.put(2, for: "a", in: &$0) }
    }

    @Test(
        "A writer in another process is an error that names it within the time given, and readers go on",
        .enabled(if: access("/usr/bin/flock", X_OK) == 0, "skipped: flock(1) is not there"))
    func lockedElsewhere() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        let environment = try Environment.open(path, mode: .create)
        try environment.write { try table.put(1, for: "a", in: &$0) }
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        holder.arguments = ["--no-fork", path, "sh", "-c", "echo held; exec sleep 30"]
        let output = Pipe()
        holder.standardOutput = output
        try holder.run()
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "held\n")
        let start = Date()
        let error = #expect(throws: StoreError.self) {
            try environment.write(waiting: 0.3) { try table.put(2, for: "a", in: &$0) }
        }
        #expect(Date().timeIntervalSince(start) < 3)
        #expect(error?.code == .locked)
        #expect(error?.description.contains("process \(holder.processIdentifier)") == true)
        #expect(try environment.read { try table.value(for: "a", in: $0) } == 1)
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        try environment.write { try table.put(2, for: "a", in: &$0) }
    }

    @Test("A folder that may only be read is read without a lock file, and writing there is refused")
    func readOnlyFolder() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        do {
            let environment = try Environment.open(path, mode: .create)
            try environment.write { try table.put(1, for: "a", in: &$0) }
        }
        try FileManager.default.removeItem(atPath: path + "-lock")
        // Root may write everywhere, unless the file is immutable.
        let immutable = geteuid() == 0
        if immutable {
            guard try run("chattr", ["+i", path]) == 0 else { return }  // skipped: no such file system
        } else {
            chmod(path, 0o444)
            chmod(folder.path, 0o555)
        }
        defer {
            if immutable { _ = try? run("chattr", ["-i", path]) } else { chmod(folder.path, 0o755) }
        }
        #expect(openCode(path, .readWrite) == .readOnly)
        #expect(openCode(path, .create) == .readOnly)
        let environment = try Environment.open(path, mode: .readOnly)
        #expect(try environment.read { try table.value(for: "a", in: $0) } == 1)
        #expect(openCode(path, .readWrite) == .readOnly)
        #expect(!FileManager.default.fileExists(atPath: path + "-lock"))
        #expect(try environment.read { outer in try environment.read { try table.value(for: "a", in: $0) } } == 1)
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> CInt {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
