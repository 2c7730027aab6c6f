internal import Numerics

/// The order of an epoch in which cells of like length learn together, so that batches differ little in what they cost:
/// Hugging Face's group_by_length. Cells are shuffled, and sorted by length within groups of 50 batches.
package enum LengthGroups {
    private static let batchesOfGroup = 50

    /// The cells 0..<count in batches of `size`, the last one smaller; the longest cell comes first, so that a lack of memory
    /// shows at once. O(n log n).
    package static func batches(count: Int, size: Int, seed: UInt64, length: (Int) -> Int) -> [[Int]] {
        precondition(size > 0, "batches of no cell")
        var random = SeededRandom(seed: seed)
        var cells = Array(0..<count)
        cells.shuffle(using: &random)
        // As many groups as there are, if there are few batches: all sorted by length is no order to learn in.
        let multiple = max(1, min(batchesOfGroup, count / (4 * size)))
        var order: [Int] = []
        order.reserveCapacity(count)
        for start in stride(from: 0, to: count, by: multiple * size) {
            let group = cells[start..<min(count, start + multiple * size)]
            order += group.enumerated().map { (cell: $1, length: length($1), place: $0) }
                .sorted { ($1.length, $0.place) < ($0.length, $1.place) }.map(\.cell)
        }
        if let longest = order.indices.max(by: { (length(order[$0]), -$0) < (length(order[$1]), -$1) }) {
            order.swapAt(0, longest)
        }
        return stride(from: 0, to: count, by: size).map { Array(order[$0..<min(count, $0 + size)]) }
    }
}
