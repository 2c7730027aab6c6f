import Foundation
import Synchronization
import TestSupport
import Testing

/// One flipped bit anywhere in a database: `verify` names it if it changes any answer, and nothing crashes, hangs or
/// makes it worse.
@Suite(.serialized)
struct BitFlipTests {
    private static let flips = Effort.count("EMBDB_FLIPS", quick: 40, slow: 1000)
    private static let cells = ["a_cell0", "c_cell7", "cell250"]

    /// A database with all that there is: tokens, obs of all kinds, gene groups, a graph, deleted rows, a model.
    private static func make(_ bench: Workbench) throws {
        for prefix in ["a_", "b_", "c_", ""] {
            try bench.ingest("cells", into: bench.database, "--id-prefix", prefix, "--group-genes-by", "disease")
        }
        try bench.ingest("changed", into: bench.database, "--id-prefix", "b_", "--on-conflict", "replace")
        try bench.ingest("more")
    }

    private struct Tally {
        var found = 0
        var unread = 0
    }

    @Test("each flipped bit that changes an answer is named by verify; no command crashes, hangs or changes the file")
    func flips() throws {
        let bench = try Workbench()
        try Self.make(bench)
        let info = try bench.ask("info")
        #expect((info["index"]["indexed"].int ?? 0) >= 1000 && (info["index"]["deleted"].int ?? 0) > 0)
        // Gene embeddings that are out of date are brought up to date by the first question.
        _ = try bench.ask("genes", "--gene", "TTN")
        let whole = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        let expected = try FullRead(bench.database, cells: Self.cells)
        #expect(expected.answers.allSatisfy { $0.exitCode == 0 }, "\(expected.answers)")
        // Of every other flip the place is drawn from the small pages, where a bit matters most: pages of B-trees and
        // records are few beside the blocks.
        let used = (0..<whole.count / 4096).filter { page in
            page < 2 || (whole[page * 4096 + 10] & 0x0F) < 4 && whole[page * 4096 + 10] & 0x0F > 0
        }
        let tally = Mutex(Tally())
        let jobs = 2
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            for number in stride(from: job, to: Self.flips, by: jobs) {
                do {
                    var random = SplitMix64(state: UInt64(7_000 + number))
                    let byte =
                        number % 2 == 0
                        ? Int(random.uniform() * Double(whole.count))
                        : used[Int(random.uniform() * Double(used.count))] * 4096 + Int(random.uniform() * 4096)
                    let bit = Int(random.uniform() * 8)
                    let isFound = try check(byte, bit, whole, expected, bench.file("flipped\(job).embdb"))
                    tally.withLock { if isFound { $0.found += 1 } else { $0.unread += 1 } }
                } catch {
                    Issue.record("flip \(number): \(error)")
                }
            }
        }
        let result = tally.withLock { $0 }
        print("\(Self.flips) flipped bits: \(result.found) named by verify, \(result.unread) that change no answer")
        #expect(result.found > Self.flips / 4)
    }

    /// Whether `verify` found the flip.
    private func check(_ byte: Int, _ bit: Int, _ whole: Data, _ expected: FullRead, _ path: String) throws -> Bool {
        var bytes = whole
        bytes[byte] ^= 1 << UInt8(bit)
        try? FileManager.default.removeItem(atPath: path + "-lock")
        try bytes.write(to: URL(fileURLWithPath: path))
        let place = "byte \(byte) (page \(byte / 4096) + \(byte % 4096)), bit \(bit)"
        let verify = try CommandLineTool.embdb.run(["verify", path, "--format", "json"])
        #expect(verify.exitCode == 0 || verify.exitCode == 1, "\(place): \(verify.stderr)")
        let isFound = verify.exitCode == 1
        let read: FullRead
        if isFound {
            #expect(verify.lastErrorLine.hasPrefix("embdb: "), "\(place): \(verify.stderr)")
            // Named by the check, not by the guard that catches crashes.
            #expect(!verify.stderr.contains("memory that is not there"), "\(place): \(verify.stderr)")
            read = try FullRead(asking: path, cells: Self.cells)
        } else {
            read = try FullRead(path, cells: Self.cells)
            let isSame = read == expected
            let changed = zip(read.answers, expected.answers).first { $0 != $1 }?.0
            #expect(isSame, "\(place) changes \(changed?.command ?? "") unnoticed: \(changed?.lastErrorLine ?? "")")
        }
        for answer in read.answers {
            #expect([0, 1, 2].contains(answer.exitCode), "\(place): \(answer)")
            let isClear = answer.exitCode == 0 || answer.lastErrorLine.hasPrefix("embdb: ")
            #expect(isClear, "\(place): \(answer)")
        }
        let after = try Data(contentsOf: URL(fileURLWithPath: path))
        // A header that says that the file is longer makes it longer.
        let isUnchanged = after.prefix(bytes.count) == bytes
        #expect(isUnchanged, "\(place): reading changed the file")
        return isFound
    }
}
