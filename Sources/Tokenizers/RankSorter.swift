/// Sorts (rank value, slot) pairs by descending value, then ascending slot; a merge sort that keeps its memory.
struct RankSorter: Sendable {
    private struct Item: Sendable {
        var value: Double
        var slot: Int32

        func comes(before other: Item) -> Bool {
            value > other.value || (value == other.value && slot < other.slot)
        }
    }

    private var items: [Item] = []
    private var merged: [Item] = []
    /// Shorter runs are sorted by insertion.
    private static let run = 12

    /// The slots in order.
    var slots: some Sequence<Int32> { items.lazy.map(\.slot) }

    mutating func removeAll() { items.removeAll(keepingCapacity: true) }

    /// Adds a pair; `value` is not NaN.
    mutating func append(value: Double, slot: Int32) { items.append(Item(value: value, slot: slot)) }

    /// Sorts what was added. O(n log n).
    mutating func sort() {
        let count = items.count
        for start in stride(from: 0, to: count, by: Self.run) {
            for index in start + 1..<max(start + 1, min(start + Self.run, count)) {
                let item = items[index]
                var hole = index
                while hole > start, item.comes(before: items[hole - 1]) {
                    items[hole] = items[hole - 1]
                    hole -= 1
                }
                items[hole] = item
            }
        }
        var width = Self.run
        while width < count {
            merged.removeAll(keepingCapacity: true)
            for start in stride(from: 0, to: count, by: 2 * width) {
                let middle = min(start + width, count)
                let end = min(middle + width, count)
                var left = start
                var right = middle
                while left < middle, right < end {
                    if items[right].comes(before: items[left]) {
                        merged.append(items[right])
                        right += 1
                    } else {
                        merged.append(items[left])
                        left += 1
                    }
                }
                merged.append(contentsOf: items[left..<middle])
                merged.append(contentsOf: items[right..<end])
            }
            swap(&items, &merged)
            width *= 2
        }
    }
}
