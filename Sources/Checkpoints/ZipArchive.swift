/// The records of a zip file (PKWARE's APPNOTE 6.3; with zip64), stored or deflated. Nothing is extracted to disk, so
/// names are only names. The directory is checked when the file is opened; records are read when asked for.
struct ZipArchive: Sendable {
    /// A record.
    struct Entry: Sendable, Hashable {
        let name: String
        /// 0 = stored, 8 = deflated.
        let method: UInt16
        /// Bytes in the file.
        let storedSize: Int
        /// Bytes once inflated.
        let size: Int
        /// CRC-32 of the bytes once inflated. Some writers of PyTorch files leave it out.
        let checksum: UInt32
        fileprivate let header: Int
    }

    let entries: [Entry]
    let file: ReadOnlyFile

    private static let maximumDirectory = 1 << 28

    /// Whether the file begins as zip files do.
    static func isZip(_ file: ReadOnlyFile) throws(CheckpointError) -> Bool {
        guard file.size >= 22 else { return false }
        return try file.read(at: 0, count: 4) == [0x50, 0x4B, 0x03, 0x04]
    }

    /// - Throws: ``CheckpointError`` `malformed` if the directory is not whole, `unsupported` for an archive in parts.
    init(_ file: ReadOnlyFile) throws(CheckpointError) {
        self.file = file
        let (offset, size, count) = try Self.findDirectory(file)
        guard size <= Self.maximumDirectory, offset <= file.size, size <= file.size - offset else {
            throw Self.malformed(file, "its directory lies outside of the file; it is cut off or damaged")
        }
        let bytes = ZipBytes(try file.read(at: offset, count: size))
        var entries: [Entry] = []
        var position = 0
        while entries.count < count {
            guard let entry = Self.entry(bytes, at: &position) else {
                throw Self.malformed(file, "entry \(entries.count) of its directory is damaged")
            }
            entries.append(entry)
        }
        self.entries = entries
    }

    /// Place of the first byte of a record's data, checked so that all of them lie in the file.
    func dataOffset(_ entry: Entry) throws(CheckpointError) -> Int {
        guard entry.header <= file.size - 30 else { throw damaged(entry) }
        let bytes = ZipBytes(try file.read(at: entry.header, count: 30))
        guard bytes.u32(0) == 0x0403_4B50, let name = bytes.u16(26), let extra = bytes.u16(28) else {
            throw damaged(entry)
        }
        let start = entry.header + 30 + Int(name) + Int(extra)
        guard start <= file.size, entry.storedSize <= file.size - start else { throw damaged(entry) }
        return start
    }

    /// All bytes of a record.
    ///
    /// - Throws: ``CheckpointError`` `tooLarge` if there are more than `limit`, `malformed`, `unsupported`.
    func read(_ entry: Entry, limit: Int = .max) throws(CheckpointError) -> [UInt8] {
        guard entry.size <= limit else {
            throw CheckpointError(
                .tooLarge, file: file.path,
                detail: "the record \(entry.name) has \(entry.size) bytes, \(limit) are allowed")
        }
        let stored = try file.read(at: try dataOffset(entry), count: entry.storedSize)
        if entry.method == 0 { return stored }
        // Deflate makes at most 1,032 bytes of one, so a larger claim is false.
        guard entry.size / 1100 <= stored.count, let bytes = Inflate.all(stored, size: entry.size) else {
            throw damaged(entry)
        }
        return bytes
    }

    private func damaged(_ entry: Entry) -> CheckpointError {
        Self.malformed(file, "its record \(entry.name) is damaged")
    }

    private static func malformed(_ file: ReadOnlyFile, _ detail: String) -> CheckpointError {
        CheckpointError(.malformed, file: file.path, detail: detail)
    }

    // MARK: Directory

    /// Offset, size and number of entries of the central directory, from the record at the end of the file.
    private static func findDirectory(
        _ file: ReadOnlyFile
    ) throws(CheckpointError) -> (offset: Int, size: Int, count: Int) {
        let tail = min(file.size, 22 + 0xFFFF)
        let bytes = ZipBytes(try file.read(at: file.size - tail, count: tail))
        guard tail >= 22,
            let end = stride(from: tail - 22, through: 0, by: -1).first(where: { bytes.u32($0) == 0x0605_4B50 }),
            let disk = bytes.u16(end + 4), let count = bytes.u16(end + 10), let size = bytes.u32(end + 12),
            let offset = bytes.u32(end + 16)
        else { throw malformed(file, "its end has no zip directory; it is cut off or damaged") }
        let needs64 = count == .max || size == .max || offset == .max
        guard needs64 || disk == 0 else {
            throw CheckpointError(
                .unsupported, file: file.path, detail: "one part of a zip archive in parts",
                advice: "put the parts together")
        }
        guard needs64 else { return (Int(offset), Int(size), Int(count)) }

        let locator = file.size - tail + end - 20
        guard locator >= 0 else { throw malformed(file, "its zip64 directory is not there") }
        let pointer = ZipBytes(try file.read(at: locator, count: 20))
        guard pointer.u32(0) == 0x0706_4B50, let place = pointer.size(8), place <= file.size - 56 else {
            throw malformed(file, "its zip64 directory is not there")
        }
        let record = ZipBytes(try file.read(at: place, count: 56))
        guard record.u32(0) == 0x0606_4B50, let count = record.size(32), let size = record.size(40),
            let offset = record.size(48)
        else { throw malformed(file, "its zip64 directory is damaged") }
        return (offset, size, count)
    }

    /// The directory entry at `position`, which moves behind it; nil if it is damaged or its data cannot be read.
    private static func entry(_ bytes: ZipBytes, at position: inout Int) -> Entry? {
        let start = position
        guard bytes.u32(start) == 0x0201_4B50, let flags = bytes.u16(start + 8), let method = bytes.u16(start + 10),
            let checksum = bytes.u32(start + 16), let stored = bytes.u32(start + 20), let size = bytes.u32(start + 24),
            let nameLength = bytes.u16(start + 28), let extraLength = bytes.u16(start + 30),
            let commentLength = bytes.u16(start + 32), let header = bytes.u32(start + 42),
            let name = bytes.text(start + 46, count: Int(nameLength))
        else { return nil }
        let isEncrypted = flags & 1 != 0
        guard !isEncrypted, method == 0 || method == 8 else { return nil }
        var wide = ZipWideFields(
            bytes, from: start + 46 + Int(nameLength), count: Int(extraLength))
        // Fields that are full in the entry stand in the zip64 extra field, in this order.
        guard let fullSize = size == .max ? wide?.next() : Int(size),
            let fullStored = stored == .max ? wide?.next() : Int(stored),
            let fullHeader = header == .max ? wide?.next() : Int(header),
            method != 0 || fullSize == fullStored
        else { return nil }
        position = start + 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
        guard position <= bytes.count else { return nil }
        return Entry(
            name: name, method: method, storedSize: fullStored, size: fullSize, checksum: checksum, header: fullHeader)
    }
}

/// The 64-bit numbers of a zip64 extra field.
private struct ZipWideFields {
    private let bytes: ZipBytes
    private var position: Int
    private let end: Int

    /// Looks for field 1 among the extra fields.
    init?(_ bytes: ZipBytes, from start: Int, count: Int) {
        var place = start
        while place + 4 <= start + count, let id = bytes.u16(place), let size = bytes.u16(place + 2) {
            let end = place + 4 + Int(size)
            guard end <= start + count else { return nil }
            if id == 1 {
                self.bytes = bytes
                position = place + 4
                self.end = end
                return
            }
            place = end
        }
        return nil
    }

    mutating func next() -> Int? {
        guard position + 8 <= end else { return nil }
        defer { position += 8 }
        return bytes.size(position)
    }
}
