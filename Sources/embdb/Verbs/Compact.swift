internal import ArgumentParser
internal import EmbDB

struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives the space of deleted and replaced cells, and of unused pages, back to the file system.",
        discussion: """
            A new file is written beside the old one and takes its place: there must be room for both. Others may read \
            meanwhile.

            Example: embdb compact heart.embdb --dry-run
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Flag(help: "Only say how much space there is to gain.") var dryRun = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        var options = CompactOptions()
        options.dryRun = dryRun
        options.threads = output.threadCount
        let report = try output.withControl { [options] control in
            try Database.open(database, access: dryRun ? .readOnly : .readWrite)
                .compact(options: options, control: control)
        }
        output.print(json: json(report), table: table(report))
        let sizes = "\(byteCount(report.bytesBefore)) to \(dryRun ? "about " : "")\(byteCount(report.bytesAfter))"
        output.summary(
            dryRun
                ? "would drop \(counted(report.rowsDropped, "deleted cell")), from \(sizes); nothing was written"
                : "\(counted(report.rowsDropped, "deleted cell")) dropped in \(duration(report.seconds)), from \(sizes)"
        )
    }

    private func json(_ report: CompactionReport) -> JSON {
        .object([
            ("cells", .integer(report.cells)), ("rows_dropped", .integer(report.rowsDropped)),
            ("bytes_before", .integer(report.bytesBefore)), ("bytes_after", .integer(report.bytesAfter)),
            ("seconds", dryRun ? .null : .number(report.seconds)), ("dry_run", .bool(dryRun)),
        ])
    }

    private func table(_ report: CompactionReport) -> TextTable {
        var table = TextTable.facts()
        table.add("cells", .integer(report.cells))
        table.add(
            dryRun ? "deleted cells that would be dropped" : "deleted cells dropped", .integer(report.rowsDropped))
        table.add("bytes before", .bytes(report.bytesBefore))
        table.add(dryRun ? "estimate: bytes after" : "bytes after", .bytes(report.bytesAfter))
        if !dryRun { table.add("seconds", .seconds(report.seconds)) }
        return table
    }
}
