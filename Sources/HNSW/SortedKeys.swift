internal import Numerics

/// The smallest ``SortKey``s seen, ascending, at most `limit` of them: the beam of a walk.
struct SortedKeys: ~Copyable {
    /// Up to so many keys, moving them one by one is faster than a search and a call.
    private static let short = 64

    private var buffer: AlignedBuffer<UInt64>
    private(set) var count = 0
    private(set) var limit = 0

    init() { buffer = AlignedBuffer(repeating: 0, count: 256) }

    /// Empties it; from now on it keeps `limit` keys. Allocates only when the limit grows past all earlier ones.
    mutating func reset(limit: Int) {
        if limit > buffer.count { buffer = AlignedBuffer(repeating: 0, count: max(limit, 2 * buffer.count)) }
        count = 0
        self.limit = limit
    }

    subscript(index: Int) -> UInt64 {
        @inline(__always) get {
            assert(index < count)
            return buffer.baseAddress[index]
        }
    }

    /// Sets the mark of the key at `index`; its order stays.
    @inline(__always)
    mutating func mark(_ index: Int) { buffer.baseAddress[index] |= 1 }

    /// Inserts `key` if it is among the smallest.
    ///
    /// - Returns: where it stands, or `limit` if there was no place. O(limit) with a small constant.
    @inline(__always)
    mutating func insert(_ key: UInt64) -> Int {
        let keys = buffer.baseAddress
        if count == limit {
            if limit == 0 || key >= keys[count - 1] { return limit }
        } else {
            count += 1
        }
        // Where the last one stood is free now.
        if count <= Self.short {
            var place = count - 1
            while place > 0, keys[place - 1] > key {
                keys[place] = keys[place - 1]
                place -= 1
            }
            keys[place] = key
            return place
        }
        var low = 0
        var high = count - 1
        while low < high {
            let middle = (low + high) >> 1
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        (keys + low + 1).update(from: keys + low, count: count - 1 - low)
        keys[low] = key
        return low
    }
}
