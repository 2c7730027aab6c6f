internal import Numerics

/// Which nodes a walk has met: one bit a node; clearing costs as much as was set.
struct VisitedSet: ~Copyable {
    private var words: AlignedBuffer<UInt64>
    private var touched: AlignedBuffer<UInt32>
    private var touchedCount = 0

    init(count: Int) {
        words = AlignedBuffer(repeating: 0, count: (count + 63) / 64)
        touched = AlignedBuffer(repeating: 0, count: (count + 63) / 64)
    }

    /// Makes room for nodes 0..<`count`; empties the set.
    mutating func reset(count: Int) {
        if (count + 63) / 64 > words.count {
            self = VisitedSet(count: count)
            return
        }
        for index in 0..<touchedCount { words.baseAddress[Int(touched.baseAddress[index])] = 0 }
        touchedCount = 0
    }

    /// Adds `node`, which is below the set's count; false if it was there already.
    @inline(__always)
    mutating func insert(_ node: Int) -> Bool {
        let index = node >> 6
        let word = words.baseAddress[index]
        let bit = UInt64(1) << UInt64(node & 63)
        if word & bit != 0 { return false }
        if word == 0 {
            touched.baseAddress[touchedCount] = UInt32(truncatingIfNeeded: index)
            touchedCount += 1
        }
        words.baseAddress[index] = word | bit
        return true
    }
}
