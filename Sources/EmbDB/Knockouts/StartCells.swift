internal import LMDBStore
internal import Numerics

/// The cells that a ranking starts from, and what counts as one observation: each of them, or its donor.
struct StartCells {
    /// Ascending.
    let rows: [Int]
    /// Of a cell.
    let units: [Int]
    /// nil if no donors were named.
    let donors: Int?

    /// Cells by their rows, each an observation of its own.
    init(rows: [Int]) {
        self.rows = rows
        units = Array(rows.indices)
        donors = nil
    }

    /// - Throws: ``EmbDBError`` `expression`, `nothingFound`, `usage`.
    init(
        _ snapshot: Snapshot, _ options: KnockoutOptions, path: String, control: Control,
        in transaction: borrowing ReadTransaction
    ) throws {
        guard let name = options.donor else {
            rows = try snapshot.drawnRows(
                selectedBy: options.from, option: "--from", atMost: options.maximumCells, seed: options.seed,
                in: transaction)
            units = Array(rows.indices)
            donors = nil
            return
        }
        let column = try ComparableColumn(name, option: "--donor", snapshot, path: path, in: transaction)
        let all = try snapshot.drawnRows(
            selectedBy: options.from, option: "--from", atMost: nil, seed: options.seed, in: transaction)
        var numbers: [UInt64: Int] = [:]
        var ofDonor: [[Int]] = []
        for row in all {
            guard let value = column.values[row] else { continue }
            if let number = numbers[value] {
                ofDonor[number].append(row)
            } else {
                numbers[value] = ofDonor.count
                ofDonor.append([row])
            }
        }
        let known = ofDonor.reduce(0) { $0 + $1.count }
        guard known > 0 else {
            throw EmbDBError(.nothingFound, "no --from cell has a \(name): name another --donor column")
        }
        if known < all.count { control.warning("\(all.count - known) --from cells have no \(name) and are left out") }
        if ofDonor.count < 4 {
            control.warning(
                "the cells are of \(ofDonor.count) donor\(ofDonor.count == 1 ? "" : "s"): too few to know how donors differ"
            )
        }
        let drawn = try Self.evenly(ofDonor, atMost: options.maximumCells, seed: options.seed)
            .sorted { $0.row < $1.row }
        rows = drawn.map(\.row)
        units = drawn.map(\.donor)
        donors = ofDonor.count
    }

    /// One cell of each donor in turn, until there are enough; of a donor in random order.
    private static func evenly(
        _ ofDonor: [[Int]], atMost count: Int?, seed: UInt64
    ) throws -> [(row: Int, donor: Int)] {
        if let count, count < 1 {
            throw EmbDBError(.usage, "the number of cells to draw is \(count): give a whole number from 1")
        }
        var random = SeededRandom(seed: seed)
        let orders = ofDonor.map { rows in random.permutation(rows.count).map { rows[$0] } }
        let wanted = min(count ?? .max, orders.reduce(0) { $0 + $1.count })
        var drawn: [(row: Int, donor: Int)] = []
        var turn = 0
        while drawn.count < wanted {
            for (donor, rows) in orders.enumerated() where turn < rows.count && drawn.count < wanted {
                drawn.append((rows[turn], donor))
            }
            turn += 1
        }
        return drawn
    }
}
