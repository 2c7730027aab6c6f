internal import CZlib

/// Little-endian numbers in bytes; nil outside of them.
struct ZipBytes {
    private let bytes: [UInt8]
    var count: Int { bytes.count }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func u16(_ offset: Int) -> UInt16? { number(offset, size: 2).map(UInt16.init) }

    func u32(_ offset: Int) -> UInt32? { number(offset, size: 4).map(UInt32.init) }

    /// 8 bytes that are a size or an offset.
    func size(_ offset: Int) -> Int? { number(offset, size: 8).flatMap(Int.init(exactly:)) }

    func text(_ offset: Int, count: Int) -> String? {
        guard offset >= 0, count <= bytes.count - offset else { return nil }
        return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
    }

    private func number(_ offset: Int, size: Int) -> UInt64? {
        guard offset >= 0, size <= bytes.count - offset else { return nil }
        return bytes[offset..<offset + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
}

/// Raw deflate streams (RFC 1951), by zlib.
enum Inflate {
    /// The `size` bytes that `stored` is the compressed form of; nil if it is not.
    static func all(_ stored: [UInt8], size: Int) -> [UInt8]? {
        guard let storedCount = UInt32(exactly: stored.count), let count = UInt32(exactly: size) else { return nil }
        var stream = z_stream()
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var input = stored
        var isWhole = false
        // zlib wants a place for output even where there is none.
        var bytes = [UInt8](repeating: 0, count: max(1, size))
        input.withUnsafeMutableBufferPointer { input in
            bytes.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = storedCount
                stream.next_out = output.baseAddress
                stream.avail_out = max(1, count)
                let status = inflate(&stream, Z_FINISH)
                isWhole = status == Z_STREAM_END && Int(stream.total_out) == size && stream.avail_in == 0
            }
        }
        guard isWhole else { return nil }
        return size == 0 ? [] : bytes
    }

    /// CRC-32 as zip has it.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(0, bytes, bytes.count))
    }
}
