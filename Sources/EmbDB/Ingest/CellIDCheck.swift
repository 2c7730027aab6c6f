internal import LMDBStore
internal import Numerics

/// Looks through the ids of all cells to be ingested before anything is computed: ids that occur twice, and ids that
/// the database has already.
struct CellIDCheck {
    /// Cells left out because they are there already (`--on-conflict skip`), over all sources.
    private(set) var alreadyPresent = 0

    private static let slice = 1 << 16

    /// Takes cells that are to be skipped out of the sources' selections.
    ///
    /// - Throws: ``EmbDBError/Code/duplicateCells`` with the id and both places.
    /// - Complexity: 16 bytes of memory a cell.
    init(
        _ sources: inout [CellSource], conflict: IngestOptions.Conflict, state: DatabaseState, live: Bitmap,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        var hashes: [(hash: Int, source: Int32, row: Int32)] = []
        for number in sources.indices {
            for start in stride(from: 0, to: sources[number].cellCount, by: Self.slice) {
                let rows = start..<min(sources[number].cellCount, start + Self.slice)
                for (offset, id) in try sources[number].cellIDs(rows).enumerated()
                where sources[number].selected[start + offset] {
                    if try StoredCells.row(of: id, state: state, live: live, in: transaction) != nil {
                        switch conflict {
                        case .error:
                            throw EmbDBError(
                                .duplicateCells,
                                "cell \(id) is in the database already (\(sources[number].path), row \(start + offset)): "
                                    + "give --on-conflict skip or replace, or --id-prefix if it is another cell")
                        case .skip:
                            sources[number].selected[start + offset] = false
                            alreadyPresent += 1
                            continue
                        case .replace: break
                        }
                    }
                    hashes.append((id.hashValue, Int32(number), Int32(start + offset)))
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
