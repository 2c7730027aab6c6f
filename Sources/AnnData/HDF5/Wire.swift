/// Appends numbers (little-endian) and length-prefixed byte strings to a message between the reader process and its parent.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func put<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ value: Double) { put(value.bitPattern) }

    mutating func put(_ text: some Sequence<UInt8>) {
        let lengthAt = bytes.count
        put(UInt32(0))
        bytes.append(contentsOf: text)
        let length = UInt32(bytes.count - lengthAt - 4)
        withUnsafeBytes(of: length.littleEndian) { bytes.replaceSubrange(lengthAt..<lengthAt + 4, with: $0) }
    }

    mutating func put(_ text: String) { put(text.utf8) }
}

/// Takes a message apart. Every read is bounds checked: a message may come from a process whose memory a damaged
/// file has overwritten. After `nil` the message is not to be used.
struct WireReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func take<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        guard remaining >= MemoryLayout<T>.size else { return nil }
        defer { position += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    mutating func takeDouble() -> Double? { take(UInt64.self).map(Double.init(bitPattern:)) }

    mutating func takeBytes() -> UnsafeRawBufferPointer? {
        guard let length = take(UInt32.self), remaining >= Int(length) else { return nil }
        defer { position += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
    }

    /// Text; bytes that are no UTF-8 become U+FFFD.
    mutating func takeString() -> String? { takeBytes().map { String(decoding: $0, as: UTF8.self) } }

    /// A count of things that take at least `bytesEach` of what remains.
    mutating func takeCount(bytesEach: Int) -> Int? {
        guard let count = take(UInt32.self), Int(count) <= remaining / max(1, bytesEach) else { return nil }
        return Int(count)
    }
}
