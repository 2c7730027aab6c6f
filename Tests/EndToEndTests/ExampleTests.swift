import Foundation
import TestSupport
import Testing

/// The ten lines that the README and the documentation show are `Snippets/NearestCells.swift`, which is built and run.
@Suite("The example")
struct ExampleTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("answers as the command line does")
    func answers() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: Workbench.fixture("cells"), toPath: folder.file("heart.h5ad"))
        let program = URL(fileURLWithPath: CommandLineTool.embdb.path).deletingLastPathComponent()
            .appendingPathComponent("NearestCells").path
        let example = try CommandLineTool(path: "/bin/sh").run(
            ["-c", #"cd "$1" && exec "$2""#, "sh", folder.file(""), program])
        #expect(example.exitCode == 0, "\(example.stderr)")
        let lines = example.stdout.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.map { $0[0] } == ["1", "2", "3", "4", "5"])

        let asked = try CommandLineTool.embdb.run([
            "nearest", folder.file("heart.embdb"), "--cell", "cell1", "--delete", "COL1A1", "-k", "5", "--format",
            "json",
        ])
        let neighbors = try asked.json()["queries"][0]["neighbors"].array
        #expect(neighbors.count == 5)
        #expect(lines.map { $0[1] } == neighbors.compactMap { $0["cell"].string })
        #expect(zip(lines, neighbors).allSatisfy { abs((Double($0[2]) ?? 1) - ($1["distance"].double ?? 0)) < 1e-6 })
        // COL1A1 was really taken out: the cell as it is has other distances.
        let unchanged = try CommandLineTool.embdb.run([
            "nearest", folder.file("heart.embdb"), "--cell", "cell1", "-k", "5", "--format", "json",
        ])
        let before = try unchanged.json()["queries"][0]["neighbors"].array.map { $0["distance"].double ?? 0 }
        #expect(before != neighbors.map { $0["distance"].double ?? 0 })
    }

    @Test("is what README and documentation show")
    func shown() throws {
        let source = try Self.text("Snippets/NearestCells.swift")
        let start = try #require(source.range(of: "import EmbDB\n"))
        let code = String(source[start.lowerBound...])
        #expect(code.split(separator: "\n").count == 10)
        let readme = try Self.text("README.md")
        #expect(readme.contains("```swift\n\(code)```"))
        let article = try Self.text("Sources/EmbDB/EmbDB.docc/GettingStarted.md")
        #expect(article.contains(#"@Snippet(path: "embdb/Snippets/NearestCells")"#))
    }
}
