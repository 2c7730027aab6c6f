/// Groups rows that no walk can tell apart: the same code, and under l2 and ip the same scale. Only the lowest of a
/// group becomes a node; else every list around it would fill with its copies, and most of them be lost.
struct IdenticalRows {
    private let rows: VectorRows
    /// Rows that stand for a group (most for themselves alone), by hash; a taken place means the next one.
    private var places: [UInt64: UInt32] = [:]
    /// The last row of a group of more than one, by its representative.
    private var last: [UInt32: UInt32] = [:]

    init(rows: VectorRows) {
        self.rows = rows
        places.reserveCapacity(rows.count)
    }

    /// Adds a row that is higher than all before.
    ///
    /// - Returns: the row it follows in its group's chain, or nil if it is the first of its kind.
    mutating func add(_ row: Int) -> Int? {
        var place = hash(row)
        while let other = places[place] {
            if isIdentical(Int(other), row) {
                let previous = last[other] ?? other
                last[other] = UInt32(row)
                return Int(previous)
            }
            place &+= 1
        }
        places[place] = UInt32(row)
        return nil
    }

    private func isIdentical(_ a: Int, _ b: Int) -> Bool {
        let (left, right) = (rows.code(a), rows.code(b))
        for d in 0..<rows.dimension where left[d] != right[d] { return false }
        // Under cosine the scale follows from the code.
        return rows.metric == .cosine || (rows.scale(a)[0] == rows.scale(b)[0] && rows.scale(a)[1] == rows.scale(b)[1])
    }

    /// Eight bytes at a time (a code row is whole cache lines long); the scale of l2 and ip goes in too.
    private func hash(_ row: Int) -> UInt64 {
        let words = rows.codes[row]
        var hash: UInt64 = rows.metric == .cosine ? 0 : UInt64(rows.scale(row)[0].bitPattern)
        for offset in stride(from: 0, to: rows.codeStride, by: 8) {
            hash = (hash ^ words.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return hash
    }
}
