internal import CZlib

/// Bytes behind their CRC-32 (IEEE 802.3, little-endian), for values of tables, which LMDB does not protect: a
/// changed bit is found by whoever reads the value.
enum Checksummed {
    static func seal(_ content: [UInt8]) -> [UInt8] {
        content.withUnsafeBytes { withUnsafeBytes(of: crc($0).littleEndian) { Array($0) } } + content
    }

    /// The content of sealed bytes; nil if they are not what was sealed.
    static func open(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.withUnsafeBytes { isWhole($0) } ? Array(bytes[headerBytes...]) : nil
    }

    /// Bytes before the content.
    static let headerBytes = 4

    /// Whether sealed bytes, where they lie, are what was sealed.
    static func isWhole(_ bytes: RawSpan) -> Bool { bytes.withUnsafeBytes { isWhole($0) } }

    private static func isWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= headerBytes
            && UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
                == crc(UnsafeRawBufferPointer(rebasing: bytes[headerBytes...]))
    }

    private static func crc(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }
}
