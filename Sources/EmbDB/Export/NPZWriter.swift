internal import CZlib

/// NumPy's archive of arrays: a zip file of stored (uncompressed) `.npy` entries, with zip64 records where needed.
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

    /// Adds an array of this shape. `produce` hands its bytes on in pieces, little-endian; it is
    /// called twice, for the checksum that stands before the data and for the data, and must give the same both times.
    mutating func add(
        _ name: String, descriptor: String, shape: [Int],
        _ produce: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        let header = NPYFile.header(descriptor: descriptor, shape: shape)
        var crc = crc32_z(0, nil, 0)
        var size = 0
        func measure(_ bytes: UnsafeRawBufferPointer) {
            crc = crc32_z(crc, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
            size += bytes.count
        }
        header.withUnsafeBytes(measure)
        try produce(measure)
        let entry = Entry(
            name: name + ".npy", crc: UInt32(truncatingIfNeeded: crc), size: UInt64(size), offset: position)
        // Sizes are always in the zip64 field, so that one form serves small and large arrays.
        let local =
            zip(0x0403_4b50 as UInt32) + zip(45 as UInt16) + zip(0 as UInt16) + fixedFields(entry)
            + zip(UInt32.max) + zip(UInt32.max) + zip(UInt16(entry.name.utf8.count)) + zip(20 as UInt16)
            + Array(entry.name.utf8) + zip(1 as UInt16) + zip(16 as UInt16) + zip(entry.size) + zip(entry.size)
        try file.write(local)
        try file.write(header)
        var written = header.count
        try produce { bytes in
            try file.write(bytes)
            written += bytes.count
        }
        precondition(written == size, "an array gave other bytes the second time")
        position += UInt64(local.count + size)
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
