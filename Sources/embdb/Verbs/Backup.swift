internal import ArgumentParser
internal import EmbDB

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A checked copy of a database, also while others write to it.",
        discussion: """
            A file that is there is never replaced. The copy is a database like any other.
            To go back to it, end what uses the database, and copy it to where that was.

            Example: embdb backup heart.embdb heart-monday.embdb
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Argument(help: "The new file.", completion: .file()) var file: String
    @Flag(help: "Only check that it could be done.") var dryRun = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try output.withControl { control in
            try Database.open(database).backup(to: file, dryRun: dryRun, control: control)
        }
        var table = TextTable([.id("file"), .number("cells"), .number("bytes")])
        table.add([.text(file), .integer(report.cells), .bytes(report.bytes)])
        output.print(
            json: .object([
                ("file", .string(file)), ("cells", .integer(report.cells)), ("bytes", .integer(report.bytes)),
                ("seconds", dryRun ? .null : .number(report.seconds)), ("dry_run", .bool(dryRun)),
            ]), table: table)
        output.summary(
            "\(dryRun ? "would copy " : "")\(counted(report.cells, "cell")), \(byteCount(report.bytes))"
                + (dryRun ? "; nothing was written" : ", copied to \(file) and checked in \(duration(report.seconds))"))
    }
}
