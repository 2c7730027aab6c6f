import Foundation
import TestSupport
import Testing

/// What people see on a terminal; `script` of util-linux lends one of a given width.
@Suite(.serialized)
struct TerminalTests {
    static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

    /// The lines of both streams of a command as a terminal of so many columns gets them. With `isEnough`, the command
    /// gets Ctrl-C's signal as soon as that is true of the lines that it has drawn.
    private static func run(
        _ arguments: [String], columns: Int, interruptWhen isEnough: (([String]) -> Bool)? = nil
    ) throws -> [String] {
        let folder = try TemporaryFolder()
        let (drawn, process) = (folder.file("drawn"), folder.file("process"))
        let words = ([CommandLineTool.embdb.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let command = try CommandLineTool(path: "/usr/bin/script").start(
            ["-qefc", "stty cols \(columns) rows 24; echo $$ > '\(process)'; exec \(words)", drawn])
        if let isEnough {
            while !isEnough(lines((try? String(contentsOfFile: drawn, encoding: .utf8)) ?? "")) {
                guard !command.hasEnded, command.seconds < 100 else { break }
                usleep(20_000)
            }
            if !command.hasEnded {
                let number = try String(contentsOfFile: process, encoding: .utf8).trimmingCharacters(in: .newlines)
                kill(try #require(pid_t(number)), SIGINT)
            }
        }
        return lines(try command.wait(timeLimit: 120).stdout)
    }

    private static func lines(_ text: String) -> [String] {
        text.replacing("\u{1B}[2K", with: "").split { $0 == "\r" || $0 == "\n" || $0 == "\r\n" }.map(String.init)
    }

    private static func isWhole(_ line: String) -> Bool {
        line.hasPrefix("embedding") && line.contains("cells/s") && line.contains("left") && line.contains("░")
    }

    @Test(
        "tables fit: texts are cut and left out before ids; numbers and ids stay whole",
        .enabled(if: isPossible, "skipped: there is no /usr/bin/script"))
    func tables() throws {
        let bench = try Workbench.filled()
        let ask = ["nearest", bench.database, "--cell", "cell0", "-k", "3"]
        let piped = try CommandLineTool.embdb.run(ask).stdout
        let wide = try Self.run(ask + ["--quiet"], columns: 200)
        #expect(wide == Self.lines(piped))
        for columns in [60, 70, 80] {
            let lines = try Self.run(ask + ["--quiet"], columns: columns)
            #expect(lines.count == 4)
            #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
            for (line, whole) in zip(lines, wide) {
                let (fields, all) = (line.split(separator: " "), whole.split(separator: " "))
                #expect(fields[1...4] == all[1...4], "\(line)")
            }
        }
        let narrow = try Self.run(ask, columns: 50)
        #expect(narrow.contains { $0.contains("no room for") })
    }

    @Test(
        "progress is one line that fits, with counts, rate and time left; Ctrl-C leaves the error as the last line",
        .enabled(if: isPossible, "skipped: there is no /usr/bin/script"))
    func progress() throws {
        // An ingest takes far more than the two seconds after which it is drawn, also where a core is twice as fast.
        let bench = try Workbench(.init(layers: 10, hidden: 512, feedForward: 2048))
        let cells = Workbench.fixture("cells")
        for columns in [40, 100] {
            let ingest = ["ingest", bench.file("\(columns).embdb"), cells, "--model", bench.model, "--threads", "1"]
            let lines = try Self.run(ingest, columns: columns) { lines in
                lines.contains { columns == 40 ? $0.hasPrefix("embedding") : Self.isWhole($0) }
            }
            let drawn = lines.filter { $0.hasPrefix("embedding") }
            #expect(!drawn.isEmpty, "\(lines)")
            #expect(drawn.allSatisfy { $0.count < columns && $0.contains("300") }, "\(lines)")
            #expect(columns == 40 || drawn.contains(where: Self.isWhole), "\(lines)")
            #expect(lines.last?.hasPrefix("embdb: stopped") == true, "\(lines)")
        }
    }
}
