/// A key of a table. Keys are 1 to 511 bytes long and sort by their bytes.
package protocol TableKey: Sendable {
    /// The bytes to store; keys sort as their bytes do.
    var keyBytes: [UInt8] { get }
    /// nil if the bytes are none that `keyBytes` gives.
    init?(keyBytes: UnsafeRawBufferPointer)
}

/// A value of a table: what the bytes mean. Numbers are little-endian and of fixed width.
package protocol TableValue: Sendable {
    var valueBytes: [UInt8] { get }
    /// nil if the bytes are none that `valueBytes` gives.
    init?(valueBytes: UnsafeRawBufferPointer)
}

/// UTF-8; sorts by Unicode scalars.
extension String: TableKey, TableValue {
    package var keyBytes: [UInt8] { Array(utf8) }
    package init?(keyBytes: UnsafeRawBufferPointer) { self.init(validating: keyBytes, as: UTF8.self) }
    package var valueBytes: [UInt8] { Array(utf8) }
    package init?(valueBytes: UnsafeRawBufferPointer) { self.init(validating: valueBytes, as: UTF8.self) }
}

extension [UInt8]: TableKey, TableValue {
    package var keyBytes: [UInt8] { self }
    package init?(keyBytes: UnsafeRawBufferPointer) { self.init(keyBytes) }
    package var valueBytes: [UInt8] { self }
    package init?(valueBytes: UnsafeRawBufferPointer) { self.init(valueBytes) }
}

extension FixedWidthInteger {
    fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
    fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }

    fileprivate init?(exactly bytes: UnsafeRawBufferPointer) {
        guard bytes.count == MemoryLayout<Self>.size else { return nil }
        self = bytes.loadUnaligned(as: Self.self)
    }
}

/// Big-endian as a key, so that keys sort as numbers; little-endian as a value.
extension UInt32: TableKey, TableValue {
    package var keyBytes: [UInt8] { bigEndianBytes }
    package init?(keyBytes: UnsafeRawBufferPointer) {
        guard let number = UInt32(exactly: keyBytes) else { return nil }
        self.init(bigEndian: number)
    }
    package var valueBytes: [UInt8] { littleEndianBytes }
    package init?(valueBytes: UnsafeRawBufferPointer) {
        guard let number = UInt32(exactly: valueBytes) else { return nil }
        self.init(littleEndian: number)
    }
}

/// Big-endian as a key, so that keys sort as numbers; little-endian as a value.
extension UInt64: TableKey, TableValue {
    package var keyBytes: [UInt8] { bigEndianBytes }
    package init?(keyBytes: UnsafeRawBufferPointer) {
        guard let number = UInt64(exactly: keyBytes) else { return nil }
        self.init(bigEndian: number)
    }
    package var valueBytes: [UInt8] { littleEndianBytes }
    package init?(valueBytes: UnsafeRawBufferPointer) {
        guard let number = UInt64(exactly: valueBytes) else { return nil }
        self.init(littleEndian: number)
    }
}
