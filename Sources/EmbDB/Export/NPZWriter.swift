internal import CZlib

/// NumPy's archive of arrays: a zip file of stored (uncompressed) `.npy` entries, with zip64 records where needed.
/// The arrays are given whole; sizes are bounded by memory.
struct NPZWriter: ~Copyable {
    private struct Entry {
        let name: String
        let crc: UInt32
        let size: UInt64
        let offset: UInt64
    }

    private var file: OutputFile
    private var entries: [Entry] = []
    private var position: UInt64 = 0

    init(_ path: String) throws(EmbDBError) { file = try OutputFile(path) }

    mutating func add(_ name: String, int64 values: [Int64]) throws(EmbDBError) {
        try add(name, descriptor: "<i8", count: values.count, bytes: littleEndianBytes(values))
    }

    mutating func add(_ name: String, uint32 values: [UInt32]) throws(EmbDBError) {
        try add(name, descriptor: "<u4", count: values.count, bytes: littleEndianBytes(values))
    }

    private func littleEndianBytes<T: FixedWidthInteger>(_ values: [T]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * MemoryLayout<T>.size)
        for value in values { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    private mutating func add(_ name: String, descriptor: String, count: Int, bytes: [UInt8]) throws(EmbDBError) {
        let content = NPYFile.header(descriptor: descriptor, shape: [count]) + bytes
        let crc = UInt32(truncatingIfNeeded: content.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) })
        let entry = Entry(name: name + ".npy", crc: crc, size: UInt64(content.count), offset: position)
        // Sizes are always in the zip64 field, so that one form serves small and large arrays.
        let local =
            zip(0x0403_4b50 as UInt32) + zip(45 as UInt16) + zip(0 as UInt16) + fixedFields(entry)
            + zip(UInt32.max) + zip(UInt32.max) + zip(UInt16(entry.name.utf8.count)) + zip(20 as UInt16)
            + Array(entry.name.utf8) + zip(1 as UInt16) + zip(16 as UInt16) + zip(entry.size) + zip(entry.size)
        try file.write(local)
        try file.write(content)
        position += UInt64(local.count + content.count)
        entries.append(entry)
    }

    /// Method stored, the DOS date 1980-01-01 (two runs give the same bytes), and the checksum.
    private func fixedFields(_ entry: Entry) -> [UInt8] {
        zip(0 as UInt16) + zip(0 as UInt16) + zip(0x21 as UInt16) + zip(entry.crc)
    }

    mutating func finish() throws(EmbDBError) {
        let start = position
        var directory: [UInt8] = []
        for entry in entries {
            directory +=
                zip(0x0201_4b50 as UInt32) + zip(45 as UInt16) + zip(45 as UInt16) + zip(0 as UInt16)
                + fixedFields(entry) + zip(UInt32.max) + zip(UInt32.max) + zip(UInt16(entry.name.utf8.count))
                + zip(28 as UInt16) + zip(0 as UInt16) + zip(0 as UInt16) + zip(0 as UInt16) + zip(0 as UInt32)
                + zip(UInt32.max) + Array(entry.name.utf8) + zip(1 as UInt16) + zip(24 as UInt16) + zip(entry.size)
                + zip(entry.size) + zip(entry.offset)
        }
        let count = UInt64(entries.count)
        let size = UInt64(directory.count)
        directory +=
            zip(0x0606_4b50 as UInt32) + zip(44 as UInt64) + zip(45 as UInt16) + zip(45 as UInt16) + zip(0 as UInt32)
            + zip(0 as UInt32) + zip(count) + zip(count) + zip(size) + zip(start)
        directory += zip(0x0706_4b50 as UInt32) + zip(0 as UInt32) + zip(start + size) + zip(1 as UInt32)
        directory +=
            zip(0x0605_4b50 as UInt32) + zip(0 as UInt16) + zip(0 as UInt16) + zip(UInt16(count)) + zip(UInt16(count))
            + zip(UInt32.max) + zip(UInt32.max) + zip(0 as UInt16)
        try file.write(directory)
        try file.finish()
    }

    /// The little-endian bytes of a zip field.
    private func zip<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
