/// A set of rows, one bit each: which cells an expression keeps, which are deleted.
package struct Bitmap: Sendable, Equatable {
    /// Number of rows, members or not.
    package let count: Int
    /// 64 rows a word, the lowest row in the lowest bit; bits past `count` are 0.
    package private(set) var words: [UInt64]

    /// `count` rows, all in or all out.
    package init(count: Int, filled: Bool = false) {
        self.count = count
        words = [UInt64](repeating: filled ? .max : 0, count: (count + 63) / 64)
        clearTail()
    }

    /// Whether `row` is in the set; false outside of 0..<count.
    package subscript(row: Int) -> Bool {
        get { row >= 0 && row < count && words[row >> 6] >> UInt64(row & 63) & 1 == 1 }
        set {
            precondition(row >= 0 && row < count, "row \(row) of \(count)")
            let bit = UInt64(1) << UInt64(row & 63)
            if newValue { words[row >> 6] |= bit } else { words[row >> 6] &= ~bit }
        }
    }

    /// Lends the words to be changed; bits past `count` stay 0.
    package mutating func withWords(_ body: (UnsafeMutableBufferPointer<UInt64>) -> Void) {
        words.withUnsafeMutableBufferPointer { body($0) }
        clearTail()
    }

    /// Number of rows in the set. O(count / 64).
    package var population: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The rows in the set, ascending.
    package var rows: [Int] {
        var result: [Int] = []
        result.reserveCapacity(population)
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return result
    }

    /// Keeps the rows that are in both.
    package mutating func formIntersection(_ other: Bitmap) {
        precondition(count == other.count, "bitmaps of different sizes")
        for index in words.indices { words[index] &= other.words[index] }
    }

    /// Adds the rows of `other`.
    package mutating func formUnion(_ other: Bitmap) {
        precondition(count == other.count, "bitmaps of different sizes")
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// Takes the rows of `other` out.
    package mutating func subtract(_ other: Bitmap) {
        precondition(count == other.count, "bitmaps of different sizes")
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    /// Turns members into non-members and the other way round.
    package mutating func invert() {
        for index in words.indices { words[index] = ~words[index] }
        clearTail()
    }

    private mutating func clearTail() {
        if count & 63 != 0, let last = words.indices.last { words[last] &= (1 << UInt64(count & 63)) - 1 }
    }
}
