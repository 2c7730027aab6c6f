/// The sketches of a graph's nodes, read in place; see ``SketchBasis``.
package struct Sketches: @unchecked Sendable {
    package let basis: SketchBasis
    /// Rows one after another as ``SketchBasis`` says. [count, stride]
    package let table: UnsafeRawPointer
    /// Number of rows.
    package let count: Int

    /// What `table` points to must outlive it.
    package init(basis: SketchBasis, table: UnsafeRawPointer, count: Int) {
        self.basis = basis
        self.table = table
        self.count = count
    }

    @inline(__always)
    func sketch(_ row: Int) -> UnsafePointer<Int8> {
        (table + row &* SketchBasis.stride).assumingMemoryBound(to: Int8.self)
    }

    /// The two floats beside the row's code.
    @inline(__always)
    func scale(_ row: Int) -> UnsafePointer<Float> {
        (table + row &* SketchBasis.stride + SketchBasis.values).assumingMemoryBound(to: Float.self)
    }
}
