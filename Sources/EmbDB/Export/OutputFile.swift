internal import Foundation

/// A file that appears under its name only when it is complete: written beside it, synced, renamed. What is no regular
/// file (a pipe, a device, /dev/stdout) is written straight, and a symbolic link is followed, not replaced.
package struct OutputFile: ~Copyable {
    private let path: String
    /// Where the bytes go first; nil for what is written straight.
    private let temporary: String?
    private let target: String
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var finished = false

    /// - Throws: ``EmbDBError/Code/storage`` if it cannot be written there.
    package init(_ path: String) throws(EmbDBError) {
        self.path = path
        var info = stat()
        let isSpecial = stat(path, &info) == 0 && info.st_mode & S_IFMT != S_IFREG
        guard !isSpecial || info.st_mode & S_IFMT != S_IFDIR else {
            throw EmbDBError(.storage, "a folder, not a file (\(path)): name the file to write")
        }
        // A link to a pipe (/dev/stdout) leads to what has no name.
        let target = isSpecial ? path : Self.followLinks(path)
        if !isSpecial { try Self.refuseDatabase(path) }
        let temporary = isSpecial ? nil : target + ".embdb-partial-\(UUID().uuidString)"
        if let temporary { _ = FileManager.default.createFile(atPath: temporary, contents: nil) }
        guard let handle = FileHandle(forWritingAtPath: temporary ?? target) else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        self.target = target
        self.temporary = temporary
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

    /// A database is never what somebody means to write an answer over.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if LMDB wrote the file that is there.
    static func refuseDatabase(_ path: String) throws(EmbDBError) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return }
        defer { try? handle.close() }
        // The magic number of LMDB's first page (lmdb.h, mdb.c: MDB_meta).
        guard let start = try? handle.read(upToCount: 20), start.count == 20,
            start.dropFirst(16).elementsEqual([0xDE, 0xC0, 0xEF, 0xBE])
        else { return }
        throw EmbDBError(.usage, "the file to write is a database (\(path)): name another file")
    }

    /// Where `path` leads, also if nothing is there yet. The system gives up after as many links.
    private static func followLinks(_ path: String) -> String {
        var url = URL(fileURLWithPath: path)
        for _ in 0..<40 {
            guard let next = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path) else { break }
            url = URL(fileURLWithPath: next, relativeTo: url.deletingLastPathComponent()).absoluteURL
        }
        return url.path
    }

    deinit {
        try? handle.close()
        if !finished, let temporary { try? FileManager.default.removeItem(atPath: temporary) }
    }

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
        guard let temporary else { return }
        do {
            try handle.synchronize()
        } catch {
            throw failed(error)
        }
        guard rename(temporary, target) == 0 else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        finished = true
    }

    private func failed(_ error: any Error) -> EmbDBError {
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let reason = cause.map { String(cString: strerror(Int32(truncatingIfNeeded: $0.code))) }
        return EmbDBError(
            .storage,
            "writing failed\(reason.map { ": " + $0 } ?? "") (\(path)): make room, or name another place")
    }
}
