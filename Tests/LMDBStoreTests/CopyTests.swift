import Foundation
import Glibc
import LMDBStore
import Synchronization
import TestSupport
import Testing

@Suite struct CopyTests {
    private static let table = Table<UInt32, [UInt8]>("t")
    private static let column = BlockColumn(name: "c", rowsPerBlock: 64, stride: 64, kind: 1)

    private static func copy(_ environment: Environment, to path: String) throws {
        let file = try NewFile(path)
        try environment.copy(to: file.descriptor, path: file.temporary) { _, _ in }
        try file.finish()
    }

    @Test("Copies made while another thread writes are each one commit, whole, and can be written to")
    func whileWriting() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        // Commit n has n everywhere, and its size goes up and down.
        @Sendable func commit(_ number: UInt8) throws {
            try environment.write { transaction in
                for key in 0..<50 { try Self.table.put([number], for: UInt32(key), in: &transaction) }
                let rows = [UInt8](repeating: number, count: 64 * (100 + Int(number % 7) * 300))
                try rows.withUnsafeBytes { try Self.column.replaceAll($0, in: &transaction) }
            }
        }
        try commit(0)
        let isDone = Atomic(false)
        let writer = Thread {
            var number = 0
            while !isDone.load(ordering: .relaxed) {
                number += 1
                try? commit(UInt8(truncatingIfNeeded: number))
            }
        }
        writer.start()
        var seen: Set<UInt8> = []
        for round in 0..<30 {
            let path = folder.file("copy\(round)")
            try Self.copy(environment, to: path)
            try Environment.checkPages(ofFile: path)
            let copy = try Environment.open(path, mode: .readWrite)
            try copy.read { (transaction: borrowing ReadTransaction) throws in
                let number = try #require(try Self.table.value(for: 0, in: transaction)?.first)
                seen.insert(number)
                for key in 0..<50 { #expect(try Self.table.value(for: UInt32(key), in: transaction) == [number]) }
                let count = try Self.column.verify(in: transaction)
                #expect(count == 100 + Int(number % 7) * 300)
                let rows = try Self.column.rows(0..<count, in: transaction)
                #expect(rows.allSatisfy { $0 == number })
            }
            for value in 1...3 { try copy.write { try Self.table.put([UInt8(value)], for: 99, in: &$0) } }
            #expect(try copy.read { try Self.table.value(for: 99, in: $0) } == [3])
            try Environment.checkPages(ofFile: path)
        }
        isDone.store(true, ordering: .relaxed)
        while !writer.isFinished { usleep(1000) }
        #expect(seen.count > 1, "nothing was written between the copies")
    }

    @Test("A file that is there is not replaced, and what is not finished leaves nothing")
    func names() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try environment.write { try Self.table.put([1], for: 1, in: &$0) }
        let path = folder.file("copy")
        try "mine".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(throws: StoreError.self) { try Self.copy(environment, to: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        #expect(!FileManager.default.fileExists(atPath: path + "-partial"))
        // A former copy that was killed between its two names keeps the one that it has.
        let (first, second) = (folder.file("first"), folder.file("second"))
        try Self.copy(environment, to: first)
        let kept = try Data(contentsOf: URL(fileURLWithPath: first))
        #expect(link(first, second + "-partial") == 0)
        try environment.write { try Self.table.put([2], for: 2, in: &$0) }
        try Self.copy(environment, to: second)
        #expect(try Data(contentsOf: URL(fileURLWithPath: first)) == kept)
        #expect(try Environment.open(second, mode: .readOnly).read { try Self.table.value(for: 1, in: $0) } == [1])
        #expect(throws: StoreError.self) { try Self.copy(environment, to: folder.file("nowhere/copy")) }
        // The name that it has meanwhile may be a file of the user's; an empty one is what a kill leaves.
        let fourth = folder.file("fourth")
        try "mine".write(toFile: fourth + "-partial", atomically: false, encoding: .utf8)
        #expect(throws: StoreError.self) { try Self.copy(environment, to: fourth) }
        #expect(try String(contentsOfFile: fourth + "-partial", encoding: .utf8) == "mine")
        try Data().write(to: URL(fileURLWithPath: fourth + "-partial"))
        try Self.copy(environment, to: fourth)
        #expect(!FileManager.default.fileExists(atPath: fourth + "-partial"))
        let held = try NewFile(folder.file("third"))
        #expect(throws: StoreError.self) { _ = try NewFile(folder.file("third")) }
        _ = consume held
    }

    @Test("A damaged page of a B-tree is found before there is a copy")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        do {
            let environment = try Environment.open(path, mode: .create)
            try environment.write { transaction in
                for key in 0..<5000 { try Self.table.put([1, 2, 3], for: UInt32(key), in: &transaction) }
            }
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // The kind of every page but the first two.
        for page in 2..<bytes.count / 4096 { bytes[page * 4096 + 10] = 0x55 }
        let spoiled = folder.file("b.embdb")
        let good = try Environment.open(path, mode: .readOnly)
        // LMDB itself has followed its pages before they are spoiled.
        #expect(try good.read { try Self.table.count(in: $0) } == 5000)
        let descriptor = open(path, O_RDWR)
        #expect(bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) } == bytes.count)
        close(descriptor)
        let error = #expect(throws: StoreError.self) { try Self.copy(good, to: spoiled) }
        #expect(error?.code == .corrupted)
        #expect(!FileManager.default.fileExists(atPath: spoiled))
    }
}
