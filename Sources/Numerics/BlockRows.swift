/// Fixed-width rows that lie in blocks somewhere in memory, such as the pages of a mapped file: row r is in block
/// r >> shift at (r & mask) * stride. It owns nothing: it is valid as long as what it points into (a read
/// transaction, a buffer), and must not outlive the closure it was lent to.
///
/// All blocks but the last hold `1 << shift` rows.
package struct BlockRows: @unchecked Sendable {
    package let blocks: [UnsafeRawPointer]
    package let shift: Int
    package let mask: Int
    /// Bytes from a row to the next one in its block.
    package let stride: Int
    /// Number of rows.
    package let count: Int

    /// `rowsPerBlock` is a power of two; `blocks` covers `count` rows.
    package init(blocks: [UnsafeRawPointer], rowsPerBlock: Int, stride: Int, count: Int) {
        precondition(rowsPerBlock > 0 && rowsPerBlock & (rowsPerBlock - 1) == 0, "rows per block: no power of two")
        precondition(blocks.count * rowsPerBlock >= count, "too few blocks for \(count) rows")
        self.blocks = blocks
        shift = rowsPerBlock.trailingZeroBitCount
        mask = rowsPerBlock - 1
        self.stride = stride
        self.count = count
    }

    /// The address of row `index`; unchecked beyond the array's own bounds check of its block.
    @inline(__always)
    package func row(_ index: Int) -> UnsafeRawPointer {
        blocks[index >> shift] + (index & mask) * stride
    }

    @inline(__always)
    package func row<T>(_ index: Int, as type: T.Type) -> UnsafePointer<T> {
        row(index).assumingMemoryBound(to: type)
    }
}
