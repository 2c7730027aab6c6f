internal import Numerics

/// The `limit` smallest ``SortKey``s seen: a max-heap, so that a key that has no place costs one comparison.
struct NearestHeap: ~Copyable {
    private var buffer: AlignedBuffer<UInt64>
    private(set) var count = 0
    private(set) var limit = 0

    init() { buffer = AlignedBuffer(repeating: 0, count: 64) }

    /// Empties it; from now on it keeps `limit` keys.
    mutating func reset(limit: Int) {
        if limit > buffer.count { buffer = AlignedBuffer(repeating: 0, count: max(limit, 2 * buffer.count)) }
        count = 0
        self.limit = limit
    }

    /// O(log limit) if the key has a place, O(1) if not.
    @inline(__always)
    mutating func insert(_ key: UInt64) {
        let keys = buffer.baseAddress
        if count < limit {
            var child = count
            count += 1
            while child > 0 {
                let parent = (child - 1) >> 1
                if keys[parent] >= key { break }
                keys[child] = keys[parent]
                child = parent
            }
            keys[child] = key
        } else if limit > 0, key < keys[0] {
            replaceLargest(key)
        }
    }

    private mutating func replaceLargest(_ key: UInt64) {
        let keys = buffer.baseAddress
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= count { break }
            if child + 1 < count, keys[child + 1] > keys[child] { child += 1 }
            if keys[child] <= key { break }
            keys[parent] = keys[child]
            parent = child
        }
        keys[parent] = key
    }

    /// The kept keys as neighbors, nearest first, ties by row. O(limit log limit).
    func neighbors() -> [Neighbor] {
        UnsafeBufferPointer(start: buffer.baseAddress, count: count).sorted().map(SortKey.neighbor)
    }
}
