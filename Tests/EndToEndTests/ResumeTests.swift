import Foundation
import TestSupport
import Testing

/// Long tasks that are stopped and killed.
@Suite(.serialized)
struct ResumeTests {
    /// Some seconds on any machine: only what lasts is kept.
    enum Task: String, CaseIterable {
        case knockouts, perturb

        func arguments(_ bench: Workbench) -> [String] {
            let (sick, healthy) = ("disease == \"DCM\"", "disease == \"normal\"")
            let own =
                switch self {
                case .knockouts: ["--from", sick, "--to", healthy, "--screen", "off"]
                case .perturb:
                    ["--cells", sick, "--toward", healthy, "--genes", "all", "--neighbors", "3"]
                }
            return [rawValue, bench.database] + own + ["--max-cells", "40", "--format", "json"]
        }

        /// What there is more of the longer it runs.
        func rows(_ answer: JSONAnswer) -> Int { answer[self == .knockouts ? "ranking" : "results"].array.count }
    }

    @Test(
        "Ctrl-C: what was done by then is printed, exit code 130; the same command goes on from there",
        arguments: Task.allCases)
    func interrupted(task: Task) throws {
        let bench = try Workbench.filled(.slow)
        let arguments = task.arguments(bench)
        let whole = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        let process = try CommandLineTool.embdb.start(arguments)
        try waitForJournal(bench, process)
        process.send(SIGINT)
        let stopped = try process.wait()
        #expect(stopped.exitCode == 130)
        #expect(stopped.lastErrorLine.hasPrefix("embdb: stopped"))
        let (partial, complete) = (try stopped.json(), try whole.json())
        #expect(partial["partial"].bool == true && complete["partial"].bool == false && task.rows(partial) > 0)
        switch task {
        case .knockouts:
            #expect(try #require(partial["forwards"]["spent"].int) < complete["forwards"]["spent"].int ?? 0)
        case .perturb:
            #expect(task.rows(partial) < task.rows(complete))
            #expect(try #require(partial["cells"].int) < complete["cells"].int ?? 0)
        }
        let resumed = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(resumed.exitCode == 0)
        #expect(answer(resumed) == answer(whole))
        #expect(journals(bench).isEmpty)
    }

    @Test(
        "kill -9, again and again: it goes on where it was, and the answer is that of an uninterrupted run",
        arguments: Task.allCases)
    func killed(task: Task) throws {
        let bench = try Workbench.filled(.slow)
        let arguments = task.arguments(bench)
        let whole = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(journals(bench).isEmpty)
        for _ in 0..<2 {
            let process = try CommandLineTool.embdb.start(arguments)
            try waitForJournal(bench, process)
            process.send(SIGKILL)
            #expect(try process.wait().exitCode == 128 + SIGKILL)
        }
        let journal = try #require(journals(bench).first)
        #expect(journal.contains("-\(task)-"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: journal))
        // A record that was half written, and one with a changed bit, do no harm.
        try (bytes + Data([40, 0, 0, 0, 1, 2, 3])).write(to: URL(fileURLWithPath: journal))
        let torn = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(torn.exitCode == 0)
        #expect(answer(torn) == answer(whole))
        #expect(journals(bench).isEmpty)
        var changed = bytes
        changed[bytes.count / 2] ^= 4
        try changed.write(to: URL(fileURLWithPath: journal))
        let mended = try CommandLineTool.embdb.run(arguments, timeLimit: 300)
        #expect(answer(mended) == answer(whole))
        // Of another task, as a name by chance would have it.
        try Data("embdb \(task) 1 something else\n".utf8).write(to: URL(fileURLWithPath: journal))
        #expect(answer(try CommandLineTool.embdb.run(arguments, timeLimit: 300)) == answer(whole))
        #expect(try bench.run("verify", bench.database).exitCode == 0)
    }

    private func journals(_ bench: Workbench) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: bench.folder.path)) ?? []
        return names.filter { name in Task.allCases.contains { name.contains("-\($0)-") } }.map { bench.file($0) }
    }

    /// Until the journal has grown since.
    private func waitForJournal(_ bench: Workbench, _ process: RunningCommand) throws {
        func size() -> Int {
            journals(bench).first
                .flatMap { try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int } ?? 0
        }
        let before = size()
        while size() <= before {
            try #require(!process.hasEnded, "it ended before it was stopped")
            usleep(5_000)
        }
    }

    /// All but the time.
    private func answer(_ result: CommandResult) -> String {
        result.stdout.replacing(/"seconds": [^,]*,/, with: "")
    }
}
