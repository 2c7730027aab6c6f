internal import AnnData
internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension IngestRun {
    /// Reads and checks all cells as ``perform(on:)`` does, and measures what it would cost to embed and keep them.
    ///
    /// - Parameters:
    ///   - database: nil for one that is still to be made.
    ///   - start: when the files were opened; what that took, the ingest takes too.
    mutating func estimate(reading database: Database?, since start: Date) throws -> IngestEstimate {
        guard case .model(let model) = origin else {
            throw EmbDBError(.usage, "an import computes nothing (\(path)): only an ingest is worth an estimate")
        }
        if sources.isEmpty {
            return IngestEstimate(
                report: report(IngestCounts(), ["already_present": cellsComplete], wasComplete: true), seconds: 0,
                memoryBytes: ProcessMemory.peak, diskBytes: 0)
        }
        let present = cellsComplete + (try checkCells(database))
        let columns = try ObsSchema.union(state.columns, sources)
        var cost = IngestCost(
            model: model, settings: settings, cells: sources.reduce(0) { $0 + $1.selected.population },
            storedGenes: try storedGenes(database))
        var counts = IngestCounts()
        for source in sources.indices { try read(source, into: &cost, &counts) }
        if counts.added == 0, state.embedding == nil { throw Self.noKnownGene(sources.map(\.path)) }
        let before = Date().timeIntervalSince(start)
        let embedding = try cost.secondsToEmbed(options.precision, threads: options.threads, control: control)
        let graphRows = cost.cells > 0 ? try Database.rowsToIndex(after: cost.cells, state: state, database) : 0
        var skipped: [String: Int] = [:]
        if present > 0 { skipped["already_present"] = present }
        if counts.withoutKnownGene > 0 { skipped["no_known_gene"] = counts.withoutKnownGene }
        return IngestEstimate(
            report: report(counts, skipped, wasComplete: false),
            seconds: before + embedding + cost.secondsToIndex(graphRows, threads: options.threads),
            memoryBytes: cost.memory(secondsToEmbed: embedding, isFirst: state.model == nil, graphRows: graphRows),
            diskBytes: cost.disk(
                columns, isFirst: state.model == nil, graphRows: graphRows,
                storesGenesBetween: embedding > options.secondsBetweenGeneStores))
    }

    /// Gene sums that there are to go on from; nil if the ingest goes on without, see ``IngestGenes``.
    private func storedGenes(_ database: Database?) throws -> Int? {
        guard let database, state.rows > 0 else { return 0 }
        return try database.environment.read { transaction in
            guard let record = try? StoredGenes.record(.visible, in: transaction), record.column == groupGenesBy,
                record.rows == state.rows
            else { return nil }
            return record.groups.reduce(0) { $0 + $1.genes }
        }
    }

    /// Cells that an interrupted ingest has behind it are counted, but cost nothing any more.
    private func read(
        _ number: Int, into cost: inout IngestCost, _ counts: inout IngestCounts
    ) throws {
        let source = sources[number]
        let labels = try IngestGenes.labels(of: groupGenesBy, in: source)
        let blocks = try BlockReader(source, origin.reading, metric: .cosine, options: options).ahead()
        while let block = try blocks.next() {
            try control.checkCancelled("stopped; nothing was written")
            for (offset, row) in block.rows.enumerated() where source.selected[row] {
                guard let cell = block.cells[offset] else {
                    counts.withoutKnownGene += 1
                    continue
                }
                counts.added += 1
                if cell.isTruncated { counts.truncated += 1 }
                if !isBehind(number, row) { cost.add(cell, id: block.ids[offset], group: labels?[row]) }
            }
            control.progress(
                .init(unit: "cells", phase: "reading", done: block.rows.upperBound, total: source.cellCount))
        }
    }

    private func isBehind(_ number: Int, _ row: Int) -> Bool {
        guard let pending, continues(pending), !options.restart else { return false }
        return (number, row) < (pending.nextFile, pending.nextRow)
    }

    private func report(_ counts: IngestCounts, _ skipped: [String: Int], wasComplete: Bool) -> IngestReport {
        var matrix: CountSource?
        if case .counts(let last)? = lastSource?.content { matrix = last }
        let genes = matrix?.genes.summary
        return IngestReport(
            cellsAdded: counts.added, cellsSkipped: skipped, genesMatched: genes?.matched ?? 0,
            genesTotal: genes?.total ?? 0, truncatedCells: counts.truncated, layer: matrix?.layer ?? "",
            geneColumn: matrix?.geneColumn ?? "", seconds: 0,
            database: DatabaseSummary(
                cells: live.population, dimension: settings.dimension, model: origin.model?.summary),
            wasComplete: wasComplete, wasResumed: pending.map { continues($0) && $0.counts.added > 0 } ?? false)
    }
}
