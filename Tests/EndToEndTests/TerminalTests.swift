import Foundation
import TestSupport
import Testing

/// What people see on a terminal; `script` of util-linux lends one of a given width.
@Suite(.serialized)
struct TerminalTests {
    static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

    /// Both streams of a command as a terminal of so many columns gets them; with `text`, the command gets Ctrl-C's
    /// signal as soon as that has been drawn.
    private static func run(_ arguments: [String], columns: Int, interruptAfter text: String? = nil) throws -> String {
        let folder = try TemporaryFolder()
        let seen = folder.file("seen")
        var words = ([CommandLineTool.embdb.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
        if let text {
            words =
                "\(words) & for i in $(seq 500); do sleep 0.1; grep -q '\(text)' '\(seen)' && break; done; "
                + "kill -INT $!; wait $!"
        }
        let result = try CommandLineTool(path: "/usr/bin/script").run(
            ["-qefc", "stty cols \(columns) rows 24; \(words)", seen], timeLimit: 120)
        return result.stdout.replacing("\u{1B}[2K", with: "")
    }

    private static func lines(_ text: String) -> [String] {
        text.split(whereSeparator: { $0 == "\r" || $0 == "\n" || $0 == "\r\n" }).map(String.init)
    }

    @Test(
        "tables fit: texts are cut and left out before ids; numbers and ids stay whole",
        .enabled(if: isPossible, "skipped: there is no /usr/bin/script"))
    func tables() throws {
        let bench = try Workbench.filled()
        let ask = ["nearest", bench.database, "--cell", "cell0", "-k", "3"]
        let piped = try CommandLineTool.embdb.run(ask).stdout
        let wide = Self.lines(try Self.run(ask + ["--quiet"], columns: 200))
        #expect(wide == Self.lines(piped))
        for columns in [60, 70, 80] {
            let lines = Self.lines(try Self.run(ask + ["--quiet"], columns: columns))
            #expect(lines.count == 4)
            #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
            for (line, whole) in zip(lines, wide) {
                let (fields, all) = (line.split(separator: " "), whole.split(separator: " "))
                #expect(fields[1...4] == all[1...4], "\(line)")
            }
        }
        let narrow = try Self.run(ask, columns: 50)
        #expect(narrow.contains("no room for"))
    }

    @Test(
        "progress is one line that fits, with counts, rate and time left; Ctrl-C leaves the error as the last line",
        .enabled(if: isPossible, "skipped: there is no /usr/bin/script"))
    func progress() throws {
        let bench = try Workbench(.init(layers: 8, hidden: 384, feedForward: 1536))
        let ingest = ["ingest", bench.database, Workbench.fixture("cells"), "--model", bench.model, "--threads", "1"]
        for columns in [40, 100] {
            let lines = Self.lines(
                try Self.run(ingest, columns: columns, interruptAfter: columns == 40 ? "embedding" : "cells/s"))
            let drawn = lines.filter { $0.hasPrefix("embedding") }
            #expect(!drawn.isEmpty, "\(lines)")
            #expect(drawn.allSatisfy { $0.count < columns && $0.contains("300") }, "\(drawn)")
            if columns == 100 {
                #expect(
                    drawn.contains { $0.contains("cells/s") && $0.contains("left") && $0.contains("░") }, "\(drawn)")
            }
            #expect(lines.last?.hasPrefix("embdb: stopped") == true, "\(lines.suffix(2))")
        }
    }
}
