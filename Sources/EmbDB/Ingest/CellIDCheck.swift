internal import LMDBStore
internal import Numerics

/// Looks through the ids of all cells to be ingested before anything is computed: ids that occur twice, and ids that
/// the database has already.
struct CellIDCheck {
    /// Cells left out because they are there already (`--on-conflict skip`), over all sources.
    let alreadyPresent: Int

    /// Takes cells that are to be skipped out of the sources' selections.
    ///
    /// - Parameter database: nil for one that is still to be made.
    /// - Throws: ``EmbDBError/Code/duplicateCells`` with the id and both places.
    /// - Complexity: 16 bytes of memory a cell.
    init(
        _ sources: inout [CellSource], conflict: IngestOptions.Conflict, state: DatabaseState, live: Bitmap,
        control: Control, database: Database?
    ) throws {
        let present = try database?.environment.read { transaction in
            try Self.dropPresent(
                from: &sources, conflict: conflict, state: state, live: live, control: control, in: transaction)
        }
        alreadyPresent = present ?? 0
        try Self.findRepeated(sources, control)
    }

    /// Looks every id up in the database; returns how many cells are to be skipped.
    private static func dropPresent(
        from sources: inout [CellSource], conflict: IngestOptions.Conflict, state: DatabaseState, live: Bitmap,
        control: Control, in transaction: borrowing ReadTransaction
    ) throws -> Int {
        guard live.population > 0, conflict != .replace else { return 0 }
        var count = 0
        let walk = IDWalk(sources, phase: "looking ids up", control)
        for number in sources.indices {
            for rows in walk.slices(number) {
                for (row, id) in zip(rows, try walk.ids(of: sources, number, rows)) where sources[number].selected[row]
                {
                    guard try StoredCells.row(of: id, state: state, live: live, in: transaction) != nil else {
                        continue
                    }
                    guard conflict == .skip else {
                        throw EmbDBError(
                            .duplicateCells,
                            "cell \(id) is in the database already (\(sources[number].path), row \(row)): "
                                + "give --on-conflict skip or replace, or --id-prefix if it is another cell")
                    }
                    sources[number].selected[row] = false
                    count += 1
                }
            }
        }
        return count
    }

    private static func findRepeated(_ sources: [CellSource], _ control: Control) throws {
        var hashes: [(hash: Int, source: Int32, row: Int32)] = []
        let walk = IDWalk(sources, phase: "comparing ids", control)
        for number in sources.indices {
            for rows in walk.slices(number) {
                for (row, id) in zip(rows, try walk.ids(of: sources, number, rows)) where sources[number].selected[row]
                {
                    hashes.append((id.hashValue, Int32(number), Int32(row)))
                }
            }
        }
        hashes.sort { ($0.hash, $0.source, $0.row) < ($1.hash, $1.source, $1.row) }
        var repeated: [[(source: Int, row: Int)]] = []
        var start = 0
        while start < hashes.count {
            var end = start + 1
            while end < hashes.count, hashes[end].hash == hashes[start].hash { end += 1 }
            if end - start > 1 { repeated.append(hashes[start..<end].map { (Int($0.source), Int($0.row)) }) }
            start = end
        }
        // The first in the files: hashes differ from run to run.
        repeated.sort { ($0[0].source, $0[0].row) < ($1[0].source, $1[0].row) }
        for cells in repeated { try Self.compare(cells, sources) }
    }

    /// Cells with equal hashes: equal ids are an error.
    private static func compare(_ cells: [(source: Int, row: Int)], _ sources: [CellSource]) throws {
        var seen: [String: (source: Int, row: Int)] = [:]
        for cell in cells {
            let id = try sources[cell.source].cellIDs(cell.row..<cell.row + 1)[0]
            if let first = seen[id] {
                let place =
                    first.source == cell.source
                    ? "\(sources[cell.source].path), rows \(first.row) and \(cell.row)"
                    : "\(sources[first.source].path), row \(first.row), and \(sources[cell.source].path), row \(cell.row)"
                throw EmbDBError(
                    .duplicateCells,
                    "cell id \(id) occurs twice (\(place)): "
                        + (first.source == cell.source
                            ? "make ids unique (obs_names_make_unique), or name another column by --cell-column"
                            : "ingest one file after the other, each with its own --id-prefix, or name another column by "
                                + "--cell-column"))
            }
            seen[id] = cell
        }
    }
}

/// The ids of all cells, in slices, with progress.
private struct IDWalk {
    private static let slice = 1 << 16

    private let phase: String
    private let control: Control
    /// Cells before each source.
    private var starts: [Int] = []
    private var total = 0

    init(_ sources: [CellSource], phase: String, _ control: Control) {
        self.phase = phase
        self.control = control
        for source in sources {
            starts.append(total)
            total += source.cellCount
        }
    }

    func slices(_ number: Int) -> [Range<Int>] {
        let end = (starts + [total])[number + 1] - starts[number]
        return stride(from: 0, to: end, by: Self.slice).map { $0..<min(end, $0 + Self.slice) }
    }

    func ids(of sources: [CellSource], _ number: Int, _ rows: Range<Int>) throws -> [String] {
        try control.checkCancelled("stopped; nothing was written")
        control.progress(
            .init(unit: "cells", phase: phase, done: starts[number] + rows.lowerBound, total: total))
        return try sources[number].cellIDs(rows)
    }
}
