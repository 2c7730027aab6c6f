internal import EmbDB

extension Ingest {
    func json(_ report: IngestReport) -> JSON { .object(items(report)) }

    /// `seconds` is null: the estimate has it.
    func json(_ estimate: IngestEstimate) -> JSON {
        .object(
            items(estimate.report).map { name, value in
                name == "seconds" || name == "cells_per_second" ? (name, .null) : (name, value)
            } + [
                ("dry_run", .bool(true)),
                (
                    "estimate",
                    .object([
                        ("seconds", .number(estimate.seconds)), ("memory_bytes", .integer(estimate.memoryBytes)),
                        ("disk_bytes", .integer(estimate.diskBytes)),
                    ])
                ),
            ])
    }

    private func items(_ report: IngestReport) -> [(String, JSON)] {
        [
            ("cells_added", .integer(report.cellsAdded)),
            (
                "cells_skipped",
                .object(report.cellsSkipped.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
            ),
            ("genes_matched", .integer(report.genesMatched)),
            ("genes_total", .integer(report.genesTotal)),
            ("truncated_cells", .integer(report.truncatedCells)),
            ("layer", .string(report.layer)),
            ("gene_column", .string(report.geneColumn)),
            ("seconds", .number(report.seconds)),
            ("cells_per_second", .number(Double(report.cellsAdded) / max(report.seconds, 1e-9))),
            ("database", report.database.json),
        ]
    }

    func table(_ report: IngestReport) -> TextTable {
        var table = facts(report, added: "cells added")
        table.add("seconds", .seconds(report.seconds))
        return table
    }

    func table(_ estimate: IngestEstimate) -> TextTable {
        var table = facts(estimate.report, added: "cells that would be added")
        table.add("estimate: seconds", .seconds(estimate.seconds))
        table.add("estimate: bytes of memory", .bytes(estimate.memoryBytes))
        table.add("estimate: bytes on disk", .bytes(estimate.diskBytes))
        return table
    }

    private func facts(_ report: IngestReport, added: String) -> TextTable {
        var table = TextTable.facts()
        table.add(added, .integer(report.cellsAdded))
        for (reason, count) in report.cellsSkipped.sorted(by: { $0.key < $1.key }) {
            table.add("cells skipped: \(reason.replacing("_", with: " "))", .integer(count))
        }
        table.add("genes matched", .integer(report.genesMatched))
        table.add("genes in the file", .integer(report.genesTotal))
        table.add("truncated cells", .integer(report.truncatedCells))
        if let model = report.database.model {
            table.add("tokens read of a cell, at most", .integer(model.maximumLength))
        }
        table.add("layer", report.layer)
        table.add("gene column", report.geneColumn)
        table.add("cells in the database", .integer(report.database.cells))
        table.add("dimension", report.database.dimension.map(TextTable.Cell.integer) ?? .none)
        table.add("model", report.database.model?.text ?? "none")
        return table
    }
}
