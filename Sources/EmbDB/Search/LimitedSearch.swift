internal import HNSW
internal import LMDBStore
internal import Numerics

/// The search for neighbors of which at most so many have the same value in an obs column.
///
/// Cells that have no value there are not limited, as `excludeSame` does not leave them out: of two unknown donors
/// nobody knows that they are one.
struct LimitedSearch: Sendable {
    /// Neighbors that may have the same value.
    let most: Int
    /// By row: the number of its value; −1 for a missing one.
    private let values: [Int32]
    /// Rows with a value, by value; those of value v are starts[v] ..< starts[v + 1].
    private let rows: [UInt32]
    private let starts: [Int]

    /// What was found, and at which cost.
    struct Found: Sendable {
        /// Nearest first, ties by row; as many as were asked for, unless no more are allowed.
        var neighbors: [Neighbor] = []
        var methods: Set<SearchReport.Method> = []
        /// Distances computed, in all rounds.
        var candidates = 0
    }

    /// - Throws: ``EmbDBError/Code/usage`` for a limit below 1 or an unknown column.
    init(
        _ limit: NearestOptions.Limit, _ snapshot: Snapshot, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        guard limit.count >= 1 else {
            throw EmbDBError(.usage, "--at-most \(limit.count): give a whole number from 1")
        }
        let column = try ComparableColumn(limit.column, option: "--per", snapshot, path: path, in: transaction)
        var numbers: [UInt64: Int32] = [:]
        self.init(
            most: limit.count,
            values: column.values.map { value in
                guard let value else { return -1 }
                if let number = numbers[value] { return number }
                numbers[value] = Int32(numbers.count)
                return Int32(numbers.count - 1)
            })
    }

    /// - Parameter values: by row, from 0; −1 for a missing one.
    init(most: Int, values: [Int32]) {
        self.most = most
        self.values = values
        var starts = [Int](repeating: 0, count: Int(values.max() ?? -1) + 2)
        for value in values where value >= 0 { starts[Int(value) + 1] += 1 }
        for value in 1..<max(1, starts.count) { starts[value] += starts[value - 1] }
        var ends = starts
        var rows = [UInt32](repeating: 0, count: starts.last ?? 0)
        for (row, value) in values.enumerated() where value >= 0 {
            rows[ends[Int(value)]] = UInt32(row)
            ends[Int(value)] += 1
        }
        self.rows = rows
        self.starts = starts
    }

    /// The `k` nearest rows under the limit.
    ///
    /// Searches in rounds. Whatever a round finds counts towards its value; the next leaves out what was seen and all
    /// rows of the values that are used up, and asks for twice as many. So each round finds a neighbor at least, and the
    /// answer is that of one search for all rows, as far as `search` finds the nearest ones.
    ///
    /// - Parameters:
    ///   - query: the row that is the query, and no neighbor; nil for none.
    ///   - keeping: rows that may be in the answer; `keepsAll` if that is all of them.
    ///   - limit: nobody asks for neighbors farther away than that.
    ///   - search: the nearest rows of a set (nil: of all), as many as are asked for unless there are fewer.
    func nearest(
        k: Int, query: Int?, keeping: Bitmap, keepsAll: Bool, within limit: Float?,
        search: (_ k: Int, _ keeping: Bitmap?) -> Found
    ) -> Found {
        var answer = Found()
        var seen: [Neighbor] = []
        var allowed = keepsAll ? nil : keeping
        var wanted = min(k, keeping.count / 2) * 2 + 2
        while true {
            let found = search(wanted, allowed)
            answer.methods.formUnion(found.methods)
            answer.candidates += found.candidates
            seen += found.neighbors.filter { $0.row != query }
            seen.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
            let full = choose(k, of: seen, into: &answer.neighbors)
            let isBeyond = limit.map { limit in found.neighbors.last.map { $0.distance > limit } ?? true } ?? false
            if answer.neighbors.count == k || found.neighbors.count < wanted || isBeyond { return answer }
            var rest = keeping
            if let query { rest[query] = false }
            for neighbor in seen { rest[neighbor.row] = false }
            for value in full {
                for row in rows[starts[value]..<starts[value + 1]] { rest[Int(row)] = false }
            }
            if rest.population == 0 { return answer }
            allowed = rest
            wanted = min(2 * wanted, keeping.count)
        }
    }

    /// Takes the nearest rows that the limit allows; returns the values that are used up.
    private func choose(_ k: Int, of seen: [Neighbor], into chosen: inout [Neighbor]) -> [Int] {
        chosen.removeAll(keepingCapacity: true)
        var counts: [Int32: Int] = [:]
        for neighbor in seen {
            let value = values[neighbor.row]
            if value >= 0 {
                let count = counts[value, default: 0]
                if count == most { continue }
                counts[value] = count + 1
            }
            if chosen.count < k { chosen.append(neighbor) }
        }
        return counts.filter { $0.value == most }.map { Int($0.key) }
    }
}
