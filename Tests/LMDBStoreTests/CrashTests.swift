import Foundation
import Glibc
import LMDBStore
import TestSupport
import Testing

/// Each test runs in a process of its own, which sets limits for itself or kills itself.
@Suite struct CrashTests {
    @Test("A process that dies within a write leaves the last commit, and the lock free")
    func killed() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let table = Table<UInt32, [UInt8]>("t")
            let environment = try Environment.open(path, mode: .create)
            try environment.write { try table.put([1], for: 1, in: &$0) }
            try environment.write { transaction in
                for key in 0..<2_000 {
                    try table.put([UInt8](repeating: 2, count: 5_000), for: UInt32(key), in: &transaction)
                }
                kill(getpid(), SIGKILL)
            }
        }
        try Environment.checkPages(ofFile: path)
        let environment = try Environment.open(path, mode: .readWrite)
        let table = Table<UInt32, [UInt8]>("t")
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(try table.count(in: transaction) == 1)
            #expect(try table.value(for: 1, in: transaction) == [1])
        }
        try environment.write { try table.put([3], for: 3, in: &$0) }
    }

    @Test("A writer killed at any moment leaves whole commits", arguments: 0..<6)
    func killedAnywhere(round: Int) async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
            let column = BlockColumn(name: "c", rowsPerBlock: 64, stride: 256, kind: 1)
            let table = Table<String, UInt64>("meta")
            let environment = try Environment.open(path, mode: .create)
            try environment.write { try table.put(0, for: "rows", in: &$0) }
            let killer = Thread {
                usleep(UInt32(20_000 + 7_000 * round))
                kill(getpid(), SIGKILL)
            }
            killer.start()
            let rows = [UInt8](repeating: 9, count: 256 * 50)
            for batch in 0... {
                try environment.write { transaction in
                    try rows.withUnsafeBytes { try column.append($0, at: batch * 50, in: &transaction) }
                    try table.put(UInt64(batch + 1) * 50, for: "rows", in: &transaction)
                }
            }
        }
        try Environment.checkPages(ofFile: path)
        let environment = try Environment.open(path, mode: .readOnly)
        let column = BlockColumn(name: "c", rowsPerBlock: 64, stride: 256, kind: 1)
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            let rows = try #require(try Table<String, UInt64>("meta").value(for: "rows", in: transaction))
            #expect(try column.verify(in: transaction) == Int(rows))
        }
    }

    @Test("A full disk fails the commit; the last one is still read, and a smaller one goes through")
    func diskFull() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        await #expect(processExitsWith: .success) { [path = path as String] in
            signal(SIGXFSZ, SIG_IGN)
            let table = Table<UInt32, [UInt8]>("t")
            let environment = try Environment.open(path, mode: .create)
            try environment.write { try table.put([1], for: 1, in: &$0) }
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            setrlimit(__rlimit_resource_t(1), &limit)  // RLIMIT_FSIZE
            let error = #expect(throws: StoreError.self) {
                try environment.write { transaction in
                    for key in 0..<1000 {
                        try table.put([UInt8](repeating: 2, count: 5_000), for: UInt32(key), in: &transaction)
                    }
                }
            }
            #expect(error?.code == .diskFull)
            #expect(try environment.read { try table.count(in: $0) } == 1)
            try environment.write { try table.put([2], for: 2, in: &$0) }
            #expect(try environment.read { try table.count(in: $0) } == 2)
        }
        try Environment.checkPages(ofFile: path)
        let environment = try Environment.open(path, mode: .readOnly)
        #expect(try environment.read { try Table<UInt32, [UInt8]>("t").count(in: $0) } == 2)
    }

    @Test(
        "Where address space is limited the map is smaller, and a file that outgrows it says so",
        .disabled(
            if: Sanitizer.isAddress || Sanitizer.isThread, "skipped: a sanitizer itself takes terabytes of it"))
    func addressSpace() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = try #require(text.split(separator: " ").first.flatMap { UInt($0) })
            var limit = rlimit(rlim_cur: pages * 4096 + (110 << 20), rlim_max: pages * 4096 + (110 << 20))
            setrlimit(__rlimit_resource_t(9), &limit)  // RLIMIT_AS
            let table = Table<UInt32, [UInt8]>("t")
            let environment = try Environment.open(path, mode: .create)
            var code: StoreError.Code?
            let value = [UInt8](repeating: 1, count: 1 << 20)
            for batch in 0..<20 where code == nil {
                do {
                    try environment.write { transaction in
                        for key in 0..<10 { try table.put(value, for: UInt32(batch * 10 + key), in: &transaction) }
                    }
                } catch let error as StoreError { code = error.code }
            }
            #expect(code == .mapFull)
            #expect(try environment.read { try table.count(in: $0) } >= 30)
        }
        let environment = try Environment.open(path, mode: .readWrite)
        try environment.write { try Table<UInt32, [UInt8]>("t").put([1], for: 10_000, in: &$0) }
    }
}
