internal import ArgumentParser
internal import EmbDB

struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deletes cells: no answer names them any more.",
        discussion: """
            Their ids are free to be ingested again. The file keeps its size until it is compacted.

            Example: embdb delete heart.embdb --where 'donor == "D7"' --dry-run
            """)

    @Argument(help: "The database file.", completion: .database) var database: String
    @Option(name: .customLong("where"), help: "The cells, by an expression over obs.") var filter: String
    @Flag(help: "Only say what would be deleted.") var dryRun = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try output.withControl { control in
            try Database.open(database, access: dryRun ? .readOnly : .readWrite)
                .delete(where: filter, dryRun: dryRun, control: control)
        }
        output.print(json: json(report), table: table(report))
        output.summary(
            "\(dryRun ? "would delete " : "")\(counted(report.cellsDeleted, "cell"))\(dryRun ? "" : " deleted"), "
                + "\(grouped(report.cellsLeft)) \(dryRun ? "would stay; nothing was written" : "left")"
                + (dryRun ? "" : "; embdb compact gives their space back"))
    }

    private func json(_ report: DeletionReport) -> JSON {
        .object([
            ("cells_deleted", .integer(report.cellsDeleted)), ("cells", .integer(report.cellsLeft)),
            (
                "values",
                .object(
                    report.values.map { column in
                        (
                            column.name,
                            .array(
                                column.values.map {
                                    .object([("value", JSON($0.value)), ("cells", .integer($0.cells))])
                                })
                        )
                    })
            ),
            ("dry_run", .bool(dryRun)),
        ])
    }

    /// People see the most common values.
    private static let valuesToShow = 20

    private func table(_ report: DeletionReport) -> TextTable {
        var table = TextTable.facts()
        table.add(dryRun ? "cells that would be deleted" : "cells deleted", .integer(report.cellsDeleted))
        table.add("cells left", .integer(report.cellsLeft))
        for column in report.values {
            let shown = output.format == .table ? Self.valuesToShow : column.values.count
            for (value, cells) in column.values.prefix(shown) {
                table.add("\(column.name) \(value.map { "\"\($0)\"" } ?? "missing")", .integer(cells))
            }
            if column.values.count > shown {
                table.add(
                    "\(column.name), \(grouped(column.values.count - shown)) other values",
                    .integer(column.values.dropFirst(shown).reduce(0) { $0 + $1.cells }))
            }
        }
        return table
    }
}
