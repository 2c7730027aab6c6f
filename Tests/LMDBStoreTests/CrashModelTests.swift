import Foundation
import LMDBStore
import Numerics
import TestSupport
import Testing

/// The commits of a random run, the same in the process that writes them and is killed, and in the one that checks.
private struct RandomCommits {
    static let table = Table<UInt64, [UInt8]>("values")
    static let meta = Table<String, UInt64>("meta")
    static let column = BlockColumn(name: "rows", rowsPerBlock: 16, stride: 64, kind: 5)

    var values: [UInt64: [UInt8]] = [:]
    var rows: [UInt8] = []
    var done: UInt64 = 0
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// The next commit: puts, removals and rows.
    mutating func next(_ transaction: inout WriteTransaction) throws {
        for change in draw() { try apply(change, to: &transaction) }
        done += 1
        try Self.meta.put(done, for: "done", in: &transaction)
    }

    /// The same on the dictionary alone.
    mutating func next() {
        for change in draw() { apply(change) }
        done += 1
    }

    private enum Change {
        case put(UInt64, [UInt8])
        case remove(UInt64)
        case removeAll
        case append([UInt8])
        case overwrite(at: Int, [UInt8])
        case truncate(Int)
    }

    private mutating func draw() -> [Change] {
        var count = rows.count / 64
        return (0..<1 + Int(random.next() % 30)).map { _ in
            let key = random.next() % 80
            switch random.next() % 40 {
            case 0..<18:
                let size = random.next() % 4 == 0 ? Int(random.next() % 40_000) : Int(random.next() % 100)
                return .put(key, [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: size))
            case 18..<26: return .remove(key)
            case 26: return random.next() % 4 == 0 ? .removeAll : .remove(key)
            case 27..<33:
                let added = Int(random.next() % 40)
                count += added
                return .append([UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: added * 64))
            case 33..<37 where count > 0:
                let at = Int(random.next() % UInt64(count))
                let changed = 1 + Int(random.next() % UInt64(count - at))
                return .overwrite(
                    at: at, [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: changed * 64))
            default:
                count = Int(random.next() % UInt64(count + 1))
                return .truncate(count)
            }
        }
    }

    private mutating func apply(_ change: Change) {
        switch change {
        case .put(let key, let value): values[key] = value
        case .remove(let key): values[key] = nil
        case .removeAll: values = [:]
        case .append(let bytes): rows += bytes
        case .overwrite(let at, let bytes): rows.replaceSubrange(at * 64..<at * 64 + bytes.count, with: bytes)
        case .truncate(let count): rows.removeLast(rows.count - count * 64)
        }
    }

    private mutating func apply(_ change: Change, to transaction: inout WriteTransaction) throws {
        let count = rows.count / 64
        apply(change)
        switch change {
        case .put(let key, let value): try Self.table.put(value, for: key, in: &transaction)
        case .remove(let key): try Self.table.remove(key, in: &transaction)
        case .removeAll: try Self.table.removeAll(in: &transaction)
        case .append(let bytes):
            try bytes.withUnsafeBytes { try Self.column.append($0, at: count, in: &transaction) }
        case .overwrite(let at, let bytes):
            try bytes.withUnsafeBytes { try Self.column.overwrite($0, at: at, in: &transaction) }
        case .truncate(let count): try Self.column.truncate(to: count, in: &transaction)
        }
    }

    /// Whether the database is what the dictionary says.
    func check(_ environment: Environment) throws {
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            var found: [UInt64: [UInt8]] = [:]
            try Self.table.forEach(in: transaction) { found[$0] = $1 }
            let isEqual = found == values
            #expect(isEqual, "after commit \(done): \(found.count) values, expected \(values.count)")
            #expect(try Self.column.verify(in: transaction) == rows.count / 64)
            let areRowsEqual = try Self.column.rows(0..<rows.count / 64, in: transaction) == rows
            #expect(areRowsEqual, "after commit \(done)")
            try transaction.verifyMetaRecords()
        }
    }
}

/// A database under random commits whose process is killed, again and again.
@Suite struct CrashModelTests {
    @Test(
        "After kill -9 at any moment the database is that of the last commit or the one that was under way",
        arguments: 1...UInt64(Effort.count("EMBDB_CRASH_MODELS", quick: 3, slow: 20)))
    func killed(seed: UInt64) async throws {
        let folder = try TemporaryFolder()
        let (path, log) = (folder.file("a.embdb"), folder.file("log"))
        try Data().write(to: URL(fileURLWithPath: log))
        var model = RandomCommits(seed: seed)
        var random = SeededRandom(seed: seed + 1_000)
        for _ in 0..<5 {
            let wait = UInt32(random.next() % 120_000)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    path = path as String, log = log as String, seed = seed as UInt64, done = model.done as UInt64,
                    wait = wait as UInt32
                ] in
                var model = RandomCommits(seed: seed)
                for _ in 0..<done { model.next() }
                let confirmed = open(log, O_WRONLY | O_APPEND)
                let environment = try Environment.open(path, mode: .create)
                Thread.detachNewThread {
                    usleep(wait)
                    kill(getpid(), SIGKILL)
                }
                while true {
                    try environment.write { try model.next(&$0) }
                    write(confirmed, [UInt8(1)], 1)
                }
            }
            let confirmed = UInt64(try Data(contentsOf: URL(fileURLWithPath: log)).count)
            try Environment.checkPages(ofFile: path)
            let environment = try Environment.open(path, mode: .readWrite)
            let done = try environment.read { try RandomCommits.meta.value(for: "done", in: $0) } ?? 0
            #expect(
                done == confirmed || done == confirmed + 1, "\(confirmed) commits were confirmed, \(done) are there")
            while model.done < done { model.next() }
            try model.check(environment)
            // What a confirmed commit was, and was not logged.
            if done > confirmed { try Data(count: Int(done)).write(to: URL(fileURLWithPath: log)) }
        }
        #expect(model.done > 0)
    }
}
