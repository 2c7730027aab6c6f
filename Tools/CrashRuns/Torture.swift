import Foundation
import Synchronization

/// Random operations on databases, killed at random moments: see CrashRun.swift.
///
///     torture EMBDB KILL_AT_CALL.so FIXTURES FOLDER [--runs N] [--seed S] [--seconds S]
@main
struct Torture {
    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        var numbers = [
            "--runs": 1000, "--seed": 1, "--seconds": 0, "--jobs": ProcessInfo.processInfo.activeProcessorCount,
        ]
        for name in numbers.keys {
            if let at = arguments.firstIndex(of: name), at + 1 < arguments.count, let number = Int(arguments[at + 1]) {
                numbers[name] = number
                arguments.removeSubrange(at...at + 1)
            }
        }
        guard arguments.count == 4, let runs = numbers["--runs"], let seed = numbers["--seed"], runs > 0, seed >= 0
        else {
            print("usage: Tools/torture [--runs N] [--seed S] [--seconds S] [--jobs N]")
            exit(64)
        }
        let paths = arguments
        let deadline = numbers["--seconds"].flatMap { $0 > 0 ? Date(timeIntervalSinceNow: Double($0)) : nil }
        let shared = Shared(runs: runs, seed: UInt64(seed), deadline: deadline)
        let start = Date()
        print("seed \(seed), \(runs) kills")
        DispatchQueue.concurrentPerform(iterations: max(1, numbers["--jobs"] ?? 1)) { job in
            let folder = paths[3] + "/\(job)"
            let program = Program(path: paths[0], preload: paths[1], folder: folder)
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                let sources = try Sources(fixtures: paths[2], program: program)
                while let seed = shared.next() { shared.run(seed, sources, program) }
            } catch {
                shared.fail("\(error)")
            }
        }
        print(shared.state.withLock { $0.tally.text })
        print("in \(Int(Date().timeIntervalSince(start))) s")
        if let failure = shared.state.withLock({ $0.failure }) {
            print("LOST: \(failure)")
            exit(1)
        }
        print("nothing was lost")
    }
}

/// What the jobs share.
final class Shared: Sendable {
    struct State {
        var tally = Tally()
        var nextSeed: UInt64
        var failure: String?
    }

    let state: Mutex<State>
    private let runs: Int
    private let deadline: Date?
    private static let operations = 14

    init(runs: Int, seed: UInt64, deadline: Date?) {
        self.runs = runs
        self.deadline = deadline
        state = Mutex(State(nextSeed: seed))
    }

    /// The seed of the next database; nil when enough was done.
    func next() -> UInt64? {
        state.withLock { state in
            if let deadline, Date() > deadline { return nil }
            guard state.failure == nil, state.tally.kills < runs else { return nil }
            state.nextSeed += 1
            return state.nextSeed - 1
        }
    }

    func run(_ seed: UInt64, _ sources: Sources, _ program: Program) {
        var run = CrashRun(seed: seed, sources: sources, program: program)
        for name in ["run.embdb", "run.embdb-lock", "run.embdb.copy"] { unlink(program.folder + "/" + name) }
        do {
            try run.run(operations: Self.operations, until: deadline)
        } catch {
            fail(
                """
                \(error)
                the database was \(program.folder)/run.embdb, the undisturbed one \(program.folder)/twin.embdb; what led there:
                \(run.history.joined(separator: "\n"))
                again: Tools/torture --runs 1 --seed \(seed)
                """)
        }
        let tally = run.tally
        state.withLock { state in
            state.tally.add(tally)
            print("database \(seed): \(tally.kills) kills, \(state.tally.kills) so far")
            fflush(nil)
        }
    }

    func fail(_ text: String) { state.withLock { if $0.failure == nil { $0.failure = text } } }
}
