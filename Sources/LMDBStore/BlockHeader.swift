internal import CZlib

/// The 48 bytes before the rows of a block, little-endian:
///
/// | offset | type | |
/// |---|---|---|
/// | 0 | u32 | magic `EBLK` |
/// | 4 | u32 | kind of the column |
/// | 8 | u32 | number of this block |
/// | 12 | u32 | rows in this block |
/// | 16 | u32 | rows per block |
/// | 20 | u32 | bytes per row |
/// | 24 | u32 | CRC-32 of the rows |
/// | 28 | u32 | CRC-32 of the 28 bytes before |
/// | 32 | | 16 zero bytes, reserved |
///
/// LMDB lays a value of more than half a page at 16 mod its page size, so the rows begin on a 64-byte boundary.
struct BlockHeader: Equatable {
    static let bytes = 48
    static let magic: UInt32 = 0x4B4C_4245

    var kind: UInt32
    var block: UInt32
    var rows: UInt32
    var rowsPerBlock: UInt32
    var stride: UInt32
    var checksum: UInt32

    init(kind: UInt32, block: UInt32, rows: UInt32, rowsPerBlock: UInt32, stride: UInt32, checksum: UInt32) {
        self.kind = kind
        self.block = block
        self.rows = rows
        self.rowsPerBlock = rowsPerBlock
        self.stride = stride
        self.checksum = checksum
    }

    /// nil if these are not 48 bytes that `write` wrote.
    init?(_ raw: UnsafeRawBufferPointer) {
        func field(_ index: Int) -> UInt32 {
            UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        }
        guard raw.count >= Self.bytes, field(0) == Self.magic,
            field(7) == crc32(of: UnsafeRawBufferPointer(rebasing: raw[..<28]))
        else { return nil }
        self.init(
            kind: field(1), block: field(2), rows: field(3), rowsPerBlock: field(4), stride: field(5),
            checksum: field(6))
    }

    func write(to raw: UnsafeMutableRawBufferPointer) {
        raw[..<Self.bytes].initializeMemory(as: UInt8.self, repeating: 0)
        for (index, field) in [Self.magic, kind, block, rows, rowsPerBlock, stride, checksum].enumerated() {
            raw.storeBytes(of: field.littleEndian, toByteOffset: 4 * index, as: UInt32.self)
        }
        let checksum = crc32(of: UnsafeRawBufferPointer(rebasing: raw[..<28]))
        raw.storeBytes(of: checksum.littleEndian, toByteOffset: 28, as: UInt32.self)
    }
}

/// The CRC-32 of zlib and PNG (polynomial 0xEDB88320); `start` is that of the bytes before.
func crc32(of bytes: UnsafeRawBufferPointer, on start: UInt32 = 0) -> UInt32 {
    // zlib begins anew where there is no pointer.
    if bytes.isEmpty { return start }
    return UInt32(truncatingIfNeeded: crc32_z(UInt(start), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
}
