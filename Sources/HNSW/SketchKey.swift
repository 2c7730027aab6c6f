/// The square of a sketch's distance and a node as one integer that sorts by square, then node; laid out as ``SortKey``.
enum SketchKey {
    @inline(__always)
    static func make(_ square: Int32, _ node: Int) -> UInt64 {
        UInt64(UInt32(bitPattern: square)) << 32 | UInt64(truncatingIfNeeded: node) << 1
    }

    @inline(__always)
    static func square(_ key: UInt64) -> Int32 { Int32(truncatingIfNeeded: key >> 32) }
}
