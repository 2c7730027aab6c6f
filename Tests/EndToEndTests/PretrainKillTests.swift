import Foundation
import TestSupport
import Testing

/// A training that is killed or interrupted at any moment goes on with --resume, and leaves the bytes of one that was not.
@Suite(.serialized)
struct PretrainKillTests {
    /// `EMBDB_KILLS` processes are killed; a few by default.
    private static let kills = ProcessInfo.processInfo.environment["EMBDB_KILLS"].flatMap { Int($0) } ?? 8

    private let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    /// The threads do not matter, and may change.
    private func start(_ name: String, threads: Int) throws -> RunningCommand {
        try CommandLineTool.embdb.start(
            bench.arguments(name, TrainingBench.slow, also: ["--resume", "--threads", "\(threads)"]))
    }

    @Test("kill -9 at random moments: in the end the bytes of an uninterrupted training")
    func killed() throws {
        let begin = DispatchTime.now().uptimeNanoseconds
        // Checkpoints cost time, and leave no trace.
        try bench.pretrain("whole", TrainingBench.slow)
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - begin) * 1e-9
        let expected = try bench.contents("whole")
        #expect(Set(expected.keys) == TrainingBench.files)
        var random = SplitMix64(state: 21)
        var (killed, chains) = (0, 0)
        while killed < Self.kills {
            chains += 1
            let name = "killed\(chains)"
            while true {
                let process = try start(name, threads: 1 + killed % 3)
                // After the last kill the training is left alone.
                if killed < Self.kills {
                    usleep(UInt32(seconds * random.uniform() * 1_000_000))
                    process.send(SIGKILL)
                }
                let result = try process.wait(timeLimit: 300)
                if result.exitCode == 0 { break }
                try #require(result.exitCode == 128 + SIGKILL, "\(result.stderr)")
                killed += 1
            }
            try bench.expectSame(name, expected)
        }
    }

    /// Where files are begun, one after another; each is killed at a few times, for what lies there for an instant only.
    @Test(
        "killed while files are written: --resume writes them, and leaves nothing else",
        arguments: [
            "held_out.tsv", "training.tsv", "training.checkpoint", "vocabulary.tsv", "config.json",
            "model.safetensors.partial",
        ])
    func killedWhileWriting(name: String) throws {
        // Without checkpoints in between: it is over before the first would be due.
        let options = Array(TrainingBench.slow.dropLast(4)) + ["--steps", "3"]
        try bench.pretrain("whole", options)
        let expected = try bench.contents("whole")
        for (number, microseconds) in [UInt32(0), 100, 1000].enumerated() {
            let model = "model\(number)"
            let process = try CommandLineTool.embdb.start(bench.arguments(model, options, also: ["--resume"]))
            while !process.hasEnded, !FileManager.default.fileExists(atPath: bench.file(model + "/" + name)) {
                bench.expectOnlyOwnNames(in: model)
                usleep(20)
            }
            usleep(microseconds)
            process.send(SIGKILL)
            let killed = try process.wait().exitCode
            #expect([0, 128 + SIGKILL].contains(killed))
            bench.expectOnlyOwnNames(in: model)
            try bench.pretrain(model, options, also: ["--resume"])
            try bench.expectSame(model, expected)
        }
    }

    @Test("Ctrl-C exits with 130 and keeps what was learned; --resume goes on to the same bytes")
    func interrupted() throws {
        try bench.pretrain("whole", TrainingBench.slow)
        // Nothing is due to be written down before the end but what Ctrl-C makes it write.
        let process = try bench.startUntilCheckpoint("model")
        usleep(100_000)
        process.send(SIGINT)
        let result = try process.wait()
        try #require(result.exitCode == 130, "\(result.stderr)")
        #expect(result.stdout.isEmpty)
        #expect(result.lastErrorLine.contains("of 30 steps") && result.lastErrorLine.contains("--resume"))
        #expect(try Set(bench.contents("model").keys) == ["held_out.tsv", "training.checkpoint", "training.tsv"])
        let answer = try bench.pretrain("model", TrainingBench.slow, also: ["--resume"])
        #expect(answer["resumed"].bool == true && answer["steps"].int == 30)
        try bench.expectSame("model", bench.contents("whole"))
    }

    @Test("Ctrl-C waits for a long step, and keeps what it learned")
    func interruptedInALongStep() throws {
        // Far more than two seconds, after which other verbs stop in the middle of what they do, on a fast core, too.
        let options = [
            "--layers", "12", "--hidden", "256", "--feed-forward", "1024", "--min-genes", "50", "--batch", "200",
            "--steps", "2", "--threads", "1",
        ]
        let process = try bench.startUntilCheckpoint("model", options)
        usleep(500_000)
        let signalled = process.seconds
        process.send(SIGINT)
        let result = try process.wait(timeLimit: 300)
        #expect(result.exitCode == 130, "\(result.stderr)")
        #expect(result.stderr.contains("after this step"), "\(result.stderr)")
        #expect(result.lastErrorLine.contains("after 1 of 2 steps"), "\(result.stderr)")
        #expect(result.seconds - signalled > 2.5, "a step was too short to show anything")
    }

    @Test("Ctrl-C while held-out cells are looked at keeps the steps before")
    func interruptedEvaluation() throws {
        // One step, and then a long look.
        let options = [
            "--layers", "8", "--hidden", "256", "--min-genes", "50", "--batch", "1", "--steps", "10", "--hold-out",
            "0.9",
        ]
        let process = try CommandLineTool.embdb.start(bench.arguments("model", options))
        while !process.hasEnded, bench.checkpointStep("model") != 10 { usleep(500) }
        usleep(50_000)
        process.send(SIGINT)
        let result = try process.wait()
        try #require(result.exitCode == 130, "\(result.stderr)")
        #expect(result.lastErrorLine.contains("after 10 of 10 steps"), "\(result.stderr)")
        let answer = try bench.pretrain("model", options, also: ["--resume"])
        #expect(answer["resumed"].bool == true && answer["cells_per_second"].isNull)
        #expect(answer["held_out_loss"].double != nil)
        try bench.pretrain("whole", options)
        try bench.expectSame("model", bench.contents("whole"))
    }
}
