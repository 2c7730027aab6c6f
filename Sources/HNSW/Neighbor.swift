/// A row of an answer and how far it is from the query.
package struct Neighbor: Sendable, Hashable {
    /// The row in the searched set.
    package let row: Int
    /// In the units of ``Metric``; computed on the f32 vectors.
    package let distance: Float

    /// The row `row` at `distance` from the query.
    package init(row: Int, distance: Float) {
        self.row = row
        self.distance = distance
    }
}

/// What a search did.
package struct SearchReport: Sendable, Hashable {
    /// Which way the answer was found.
    package enum Method: String, Sendable, Codable {
        /// A walk of the graph on int8 codes, re-ranked on f32.
        case graph
        /// The rows that the filter keeps, cell by cell on sketches or all of them on int8 codes, re-ranked on f32.
        case scan
        /// All rows that may be in the answer, on f32.
        case exact
    }

    /// Which way the answer was found.
    package var method: Method
    /// Number of distances computed, of codes and of f32 vectors.
    package var candidates: Int
}

/// A distance and a row as one integer that sorts by distance, then row; the lowest bit is free for a mark.
///
/// Rows are below 2^31.
struct SortKey {
    /// The order-preserving map of floats to integers, the row below it. −0 and 0 are the same distance.
    @inline(__always)
    static func make(_ distance: Float, _ row: Int) -> UInt64 {
        let bits = (distance + 0).bitPattern
        let ordered = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
        return UInt64(ordered) << 32 | UInt64(truncatingIfNeeded: row) << 1
    }

    @inline(__always)
    static func row(_ key: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: key) >> 1) }

    @inline(__always)
    static func distance(_ key: UInt64) -> Float {
        let ordered = UInt32(truncatingIfNeeded: key >> 32)
        return Float(bitPattern: ordered & 0x8000_0000 != 0 ? ordered & 0x7fff_ffff : ~ordered)
    }

    static func neighbor(_ key: UInt64) -> Neighbor { Neighbor(row: row(key), distance: distance(key)) }
}
