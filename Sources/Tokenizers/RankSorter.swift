/// Sorts (rank value, slot) pairs by descending value, then ascending slot, and keeps its memory.
///
/// A radix sort: values above zero are in the order of their bit patterns, so two passes of 11 bits over the highest bits
/// in which they differ bring nearly all into their place, and what is the same in these bits is compared.
struct RankSorter: Sendable {
    private static let digitBits = 11
    /// Fewer are sorted by insertion alone.
    private static let fewest = 32

    private var values: [Double] = []
    private var slotOfItem: [Int32] = []
    /// What is sorted: the digits in the upper half, the item's number in the lower one.
    private var keys: [UInt64] = []
    private var scattered: [UInt64] = []
    /// How many keys have a digit, then where the next one of them goes; the lower digit's, then the upper one's.
    private var places = [UInt32](repeating: 0, count: 2 << digitBits)

    /// The slots in order.
    var slots: some Sequence<Int32> { keys.lazy.map { [slotOfItem] in slotOfItem[Self.item($0)] } }

    mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        slotOfItem.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
    }

    /// Adds a pair; `value` is not negative and not NaN.
    mutating func append(value: Double, slot: Int32) {
        values.append(value)
        slotOfItem.append(slot)
    }

    private static func item(_ key: UInt64) -> Int { Int(truncatingIfNeeded: key & 0xffff_ffff) }

    private func comes(_ first: UInt64, before second: UInt64) -> Bool {
        let (a, b) = (Self.item(first), Self.item(second))
        return values[a] > values[b] || (values[a] == values[b] && slotOfItem[a] < slotOfItem[b])
    }

    /// Sorts what was added. O(n), or O(n log n) where most values agree in the bits that are looked at.
    mutating func sort() {
        makeKeys()
        if keys.count > Self.fewest {
            scatter(lower: true)
            scatter(lower: false)
        }
        sortRuns()
    }

    private mutating func makeKeys() {
        var least = UInt64.max
        var largest: UInt64 = 0
        for value in values {
            least = min(least, value.bitPattern)
            largest = max(largest, value.bitPattern)
        }
        guard values.count > Self.fewest else {
            keys.append(contentsOf: values.indices.lazy.map { UInt64($0) })
            return
        }
        let shift = max(0, 64 - (largest - least).leadingZeroBitCount - 2 * Self.digitBits)
        let digits = UInt64(1) << Self.digitBits
        for index in places.indices { places[index] = 0 }
        for (index, value) in values.enumerated() {
            let key = (largest - value.bitPattern) >> UInt64(shift)
            keys.append(key << 32 | UInt64(index))
            places[Int(key & (digits - 1))] += 1
            places[Int(digits + key >> UInt64(Self.digitBits))] += 1
        }
        for first in [0, Int(digits)] {
            var sum: UInt32 = 0
            for index in first..<first + Int(digits) {
                (places[index], sum) = (sum, sum + places[index])
            }
        }
    }

    /// Moves every key to its digit's next place; keys of one digit stay in their order.
    private mutating func scatter(lower: Bool) {
        if scattered.count < keys.count {
            scattered.append(contentsOf: repeatElement(0, count: keys.count - scattered.count))
        }
        let digits = UInt64(1) << Self.digitBits
        let shift = UInt64(lower ? 32 : 32 + Self.digitBits)
        let first = lower ? 0 : digits
        for key in keys {
            let place = Int(first + key >> shift & (digits - 1))
            scattered[Int(places[place])] = key
            places[place] += 1
        }
        scattered.removeSubrange(keys.count...)
        swap(&keys, &scattered)
    }

    /// Sorts keys with the same digits by what they stand for.
    private mutating func sortRuns() {
        let isOneRun = keys.count <= Self.fewest
        var start = 0
        while start < keys.count {
            var end = isOneRun ? keys.count : start + 1
            while end < keys.count, keys[end] >> 32 == keys[start] >> 32 { end += 1 }
            if end - start > Self.fewest {
                keys[start..<end].sort { [self] in comes($0, before: $1) }
            } else {
                for index in start + 1..<max(end, start + 1) {
                    let key = keys[index]
                    var hole = index
                    while hole > start, comes(key, before: keys[hole - 1]) {
                        keys[hole] = keys[hole - 1]
                        hole -= 1
                    }
                    keys[hole] = key
                }
            }
            start = end
        }
    }
}
