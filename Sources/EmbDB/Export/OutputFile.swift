internal import AnnData
internal import Foundation

/// A file that appears under its name only when it is complete: written beside it, synced, renamed. What is no regular
/// file (a pipe, a device, /dev/stdout) is written straight, and a symbolic link is followed, not replaced.
package struct OutputFile: ~Copyable {
    private let path: String
    /// Nil for what is written straight.
    private let replaced: ReplacedFile?
    private let handle: FileHandle
    private var buffer: [UInt8] = []

    /// - Throws: ``EmbDBError/Code/storage`` if it cannot be written there.
    package init(_ path: String) throws(EmbDBError) {
        self.path = path
        guard !path.isEmpty else { throw EmbDBError(.usage, "the file to write has no name: give one") }
        var info = stat()
        let isSpecial = stat(path, &info) == 0 && ![S_IFREG, S_IFDIR].contains(info.st_mode & S_IFMT)
        if !isSpecial {
            try Self.refuseDatabase(path)
            try Self.refuseOtherKind(path)
        }
        let replaced = try isSpecial ? nil : withEmbDBErrors { try ReplacedFile(path) }
        guard let handle = FileHandle(forWritingAtPath: replaced?.temporary ?? path) else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        self.replaced = replaced
        self.handle = handle
    }

    /// Whether the file could be written, asked before a long computation: nobody wants to hear after hours that there
    /// is no such folder. A pipe is not touched: its reader would see it end.
    ///
    /// - Throws: as ``init(_:)``.
    package static func check(_ path: String) throws(EmbDBError) {
        var info = stat()
        let isPipe = stat(path, &info) == 0 && [S_IFIFO, S_IFSOCK, S_IFCHR].contains(info.st_mode & S_IFMT)
        if !isPipe { _ = try OutputFile(path) }
    }

    /// Whether two paths lead to one place, by links too.
    package static func isSamePlace(_ a: String, _ b: String) -> Bool {
        URL(fileURLWithPath: a).resolvingSymlinksInPath() == URL(fileURLWithPath: b).resolvingSymlinksInPath()
    }

    /// A database is never what somebody means to write an answer over.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if LMDB wrote the file that is there.
    static func refuseDatabase(_ path: String) throws(EmbDBError) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return }
        defer { try? handle.close() }
        // The magic number of LMDB's first page, and of its lock file (mdb.c: MDB_meta, MDB_txninfo).
        let magic: [UInt8] = [0xDE, 0xC0, 0xEF, 0xBE]
        guard let start = try? handle.read(upToCount: 20), start.count == 20,
            start.starts(with: magic) || start.dropFirst(16).elementsEqual(magic)
        else { return }
        throw EmbDBError(.usage, "the file to write is a database (\(path)): name another file")
    }

    /// Kinds of files that hold data, by how they begin: none takes the place of another one, or of a text.
    private static let kinds: [(name: String, endings: [String], start: [UInt8])] = [
        ("HDF5 (.h5ad, .loom, .h5)", [], [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A]),
        ("a compressed file", [], [0x1F, 0x8B]),
        ("an archive", [".npz"], [0x50, 0x4B, 0x03, 0x04]),
        ("NumPy's .npy", [".npy"], [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]),
    ]

    /// What is there and is data of another kind than the name says was not meant to be replaced.
    private static func refuseOtherKind(_ path: String) throws(EmbDBError) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return }
        defer { try? handle.close() }
        guard let start = try? handle.read(upToCount: 8) else { return }
        let found = kinds.first {
            start.starts(with: $0.start) && !$0.endings.contains(where: path.lowercased().hasSuffix)
        }
        guard let found else { return }
        throw EmbDBError(
            .usage,
            "the file that is there holds something else, it is \(found.name) (\(path)): name another file to write, or "
                + "remove that one first")
    }

    deinit { try? handle.close() }

    package mutating func write(_ bytes: some Sequence<UInt8>) throws(EmbDBError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 20 { try flush() }
    }

    package mutating func write(_ text: String) throws(EmbDBError) { try write(text.utf8) }

    private mutating func flush() throws(EmbDBError) {
        do {
            try handle.write(contentsOf: buffer)
        } catch {
            throw failed(error)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left and gives the file its name.
    package mutating func finish() throws(EmbDBError) {
        try flush()
        try withEmbDBErrors { try replaced?.finish() }
    }

    private func failed(_ error: any Error) -> EmbDBError {
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let reason = cause.map { String(cString: strerror(Int32(truncatingIfNeeded: $0.code))) }
        return EmbDBError(
            .storage,
            "writing failed\(reason.map { ": " + $0 } ?? "") (\(path)): make room, or name another place")
    }
}
