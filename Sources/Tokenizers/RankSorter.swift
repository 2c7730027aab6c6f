internal import Numerics

/// Sorts a cell's genes by descending rank value, those of the same value by their number, and keeps its memory.
///
/// A radix sort: values above zero are in the order of their bit patterns, so two passes of 10 bits over the highest bits
/// in which they differ bring nearly all into their place, and what is the same in these bits is compared. The memory is
/// raw, and ``reserve(_:)`` its door: all indices are below what was reserved.
struct RankSorter: ~Copyable {
    private static let digitBits = 10

    /// Of every gene, to be filled: its token, its count…
    private(set) var tokens = AlignedBuffer<UInt32>(repeating: 0, count: 0)
    private(set) var counts = AlignedBuffer<Double>(repeating: 0, count: 0)
    /// … and its rank value, above zero.
    private(set) var values = AlignedBuffer<Double>(repeating: 0, count: 0)
    /// What is sorted: the digits in the upper half, the number of the gene in the lower one.
    private var keys = AlignedBuffer<UInt64>(repeating: 0, count: 0)
    private var scattered = AlignedBuffer<UInt64>(repeating: 0, count: 0)
    /// How many keys have a digit, then where the next one of them goes; the lower digit's, then the upper one's.
    private let places = AlignedBuffer<UInt32>(repeating: 0, count: 2 << digitBits)

    /// Makes room for `count` genes; what was filled in before is gone.
    mutating func reserve(_ count: Int) {
        guard keys.count < count else { return }
        tokens = AlignedBuffer(repeating: 0, count: count)
        counts = AlignedBuffer(repeating: 0, count: count)
        values = AlignedBuffer(repeating: 0, count: count)
        keys = AlignedBuffer(repeating: 0, count: count)
        scattered = AlignedBuffer(repeating: 0, count: count)
    }

    /// The number of the gene that comes at `place`, once they are sorted.
    func gene(at place: Int) -> Int { Int(truncatingIfNeeded: keys.baseAddress[place] & 0xffff_ffff) }

    /// Sorts the first `count` genes. O(n), or O(n log n) where most values agree in the bits that are looked at.
    func sort(_ count: Int) {
        precondition(count <= keys.count, "more genes than there is room for")
        makeKeys(count)
        scatter(keys.baseAddress, to: scattered.baseAddress, count, shift: 32, places.baseAddress)
        scatter(
            scattered.baseAddress, to: keys.baseAddress, count, shift: 32 + UInt64(Self.digitBits),
            places.baseAddress + 1 << Self.digitBits)
        sortNeighbors(count)
    }

    private func makeKeys(_ count: Int) {
        let (values, keys, places) = (values.baseAddress, keys.baseAddress, places.baseAddress)
        var least = UInt64.max
        var largest: UInt64 = 0
        for index in 0..<count {
            least = min(least, values[index].bitPattern)
            largest = max(largest, values[index].bitPattern)
        }
        let shift = UInt64(max(0, 64 - (largest &- least).leadingZeroBitCount - 2 * Self.digitBits))
        let digits = 1 << Self.digitBits
        for index in 0..<2 * digits { places[index] = 0 }
        for index in 0..<count {
            let key = (largest &- values[index].bitPattern) >> shift
            keys[index] = key << 32 | UInt64(truncatingIfNeeded: index)
            places[Int(truncatingIfNeeded: key) & (digits - 1)] &+= 1
            places[digits + Int(truncatingIfNeeded: key) >> Self.digitBits] &+= 1
        }
        var (lower, upper): (UInt32, UInt32) = (0, 0)
        for index in 0..<digits {
            (places[index], lower) = (lower, lower &+ places[index])
            (places[digits + index], upper) = (upper, upper &+ places[digits + index])
        }
    }

    /// Moves every key to its digit's next place; keys of one digit stay in their order.
    private func scatter(
        _ keys: UnsafePointer<UInt64>, to target: UnsafeMutablePointer<UInt64>, _ count: Int, shift: UInt64,
        _ places: UnsafeMutablePointer<UInt32>
    ) {
        for index in 0..<count {
            let key = keys[index]
            let digit = Int(truncatingIfNeeded: key >> shift) & (1 << Self.digitBits - 1)
            target[Int(places[digit])] = key
            places[digit] &+= 1
        }
    }

    /// Moves what is not in its place yet, among others with the same digits; all before them are in order.
    private func sortNeighbors(_ count: Int) {
        let (keys, values) = (keys.baseAddress, values.baseAddress)
        var before = Double.infinity
        var moves = 0
        for index in 0..<count {
            let value = values[gene(at: index)]
            // As a rule: one comparison whose outcome is guessed right.
            guard value > before else {
                before = value
                continue
            }
            let key = keys[index]
            var hole = index
            repeat {
                keys[hole] = keys[hole - 1]
                hole -= 1
            } while hole > 0 && value > values[gene(at: hole - 1)]
            keys[hole] = key
            moves += index - hole
            guard moves <= 16 * count else { return sortAll(count) }
        }
    }

    /// For values that agree in the digits by the hundred.
    private func sortAll(_ count: Int) {
        let values = values.baseAddress
        var all = UnsafeMutableBufferPointer(start: keys.baseAddress, count: count)
        all.sort { first, second in
            let (a, b) = (Int(truncatingIfNeeded: first & 0xffff_ffff), Int(truncatingIfNeeded: second & 0xffff_ffff))
            return values[a] > values[b] || (values[a] == values[b] && a < b)
        }
    }
}
