internal import AnnData
internal import CellTransformer
internal import Foundation
internal import Numerics
internal import Tokenizers

extension IngestRun {
    /// Reads and checks all cells as ``perform(on:)`` does, and measures what it would cost to embed and keep them.
    ///
    /// - Parameters:
    ///   - database: nil for one that is still to be made.
    ///   - start: when the files were opened; what that took, the ingest takes too.
    mutating func estimate(reading database: Database?, since start: Date) throws -> IngestEstimate {
        if sources.isEmpty {
            return IngestEstimate(
                report: report(IngestCounts(), ["already_present": cellsComplete], wasComplete: true), seconds: 0,
                memoryBytes: ProcessMemory.peak, diskBytes: 0)
        }
        let present = cellsComplete + (try checkCells(database))
        let columns = try ObsSchema.union(state.columns, sources, warning: control.warning)
        var cost = IngestCost(
            model: model, settings: settings, cells: sources.reduce(0) { $0 + $1.selected.population })
        var counts = IngestCounts()
        for number in sources.indices { try read(number, into: &cost, &counts) }
        if counts.added == 0, state.model == nil { throw Self.noKnownGene(sources.map(\.path)) }
        let before = Date().timeIntervalSince(start)
        let embedding = try cost.secondsToEmbed(threads: options.threads, control: control)
        let graphRows = cost.cells > 0 ? try Database.rowsToIndex(after: cost.cells, state: state, database) : 0
        var skipped: [String: Int] = [:]
        if present > 0 { skipped["already_present"] = present }
        if counts.withoutKnownGene > 0 { skipped["no_known_gene"] = counts.withoutKnownGene }
        return IngestEstimate(
            report: report(counts, skipped, wasComplete: false),
            seconds: before + embedding + cost.secondsToIndex(graphRows, threads: options.threads),
            memoryBytes: cost.memory(secondsToEmbed: embedding, isFirst: state.model == nil, graphRows: graphRows),
            diskBytes: cost.disk(columns, isFirst: state.model == nil, graphRows: graphRows))
    }

    /// Cells that an interrupted ingest has behind it are counted, but cost nothing any more.
    private func read(_ number: Int, into cost: inout IngestCost, _ counts: inout IngestCounts) throws {
        let source = sources[number]
        var reader = try source.file.countReader(
            layer: source.layer, rule: options.values == .counts ? .counts : .normalized)
        var batch = CountBatch()
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        var next = 0
        while let rows = source.nextRows(from: next, atMost: IngestBatch.cells) {
            next = rows.upperBound
            try control.checkCancelled("stopped; nothing was written")
            try reader.read(rows: rows, into: &batch)
            let names = try source.cellIDs(rows)
            for (offset, row) in rows.enumerated() where source.selected[row] {
                let entries = batch.entries(offset)
                model.encoder.encode(
                    columns: batch.indices.span.extracting(entries), values: batch.values.span.extracting(entries),
                    genes: source.genes, into: &cell, scratch: &scratch)
                if cell.isEmpty {
                    counts.withoutKnownGene += 1
                    continue
                }
                counts.added += 1
                if cell.isTruncated { counts.truncated += 1 }
                if !isBehind(number, row) { cost.add(cell, id: names[offset]) }
            }
            control.progress(
                .init(unit: "cells", phase: "reading", done: rows.upperBound, total: source.cellCount))
        }
    }

    private func isBehind(_ number: Int, _ row: Int) -> Bool {
        guard let pending, continues(pending), !options.restart else { return false }
        return (number, row) < (pending.nextFile, pending.nextRow)
    }

    private func report(_ counts: IngestCounts, _ skipped: [String: Int], wasComplete: Bool) -> IngestReport {
        let genes = lastSource?.genes.summary
        return IngestReport(
            cellsAdded: counts.added, cellsSkipped: skipped, genesMatched: genes?.matched ?? 0,
            genesTotal: genes?.total ?? 0, truncatedCells: counts.truncated, layer: lastSource?.layer ?? "",
            geneColumn: lastSource?.geneColumn ?? "", seconds: 0,
            database: DatabaseSummary(cells: live.population, dimension: settings.dimension, model: model.summary),
            wasComplete: wasComplete, wasResumed: pending.map { continues($0) && $0.counts.added > 0 } ?? false)
    }
}
