internal import Glibc

/// A file that gets its name when it is complete, and never another file's: written beside it, as `NAME-partial`.
package final class NewFile {
    private let path: String
    /// Where it is until then.
    package let temporary: String
    package let descriptor: CInt
    private var isFinished = false

    /// - Throws: `notFound` (no such folder), `permission`, `io`, `locked` (another process is writing it), `other` (a file of
    ///   the user has the name that it needs meanwhile).
    package init(_ path: String) throws(StoreError) {
        self.path = path
        temporary = path + "-partial"
        try Self.requireFolder(of: path)
        // What a killed process left is removed, not written over: it may have a second name.
        let former = open(temporary, O_RDWR | O_CLOEXEC)
        if former >= 0 {
            defer {
                PlaceLock.rewriting.release(former)
                close(former)
            }
            guard PlaceLock.rewriting.take(former, exclusive: true, waiting: 0) != .busy else {
                throw StoreError(
                    .locked, path: path, reason: "another process is writing this file", advice: "name another one")
            }
            try Leftover.remove(temporary)
        }
        // Another one's of this name is not this object's to remove.
        let made = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard made >= 0 else { throw StoreError(systemCode: errno, path: path, doing: "making the file") }
        descriptor = made
        _ = PlaceLock.rewriting.take(descriptor, exclusive: true, waiting: 0)
    }

    /// Whether a file can be made beside `path`; nothing stays.
    ///
    /// - Throws: `notFound` (no such folder), `permission`, `io`.
    package static func probe(_ path: String) throws(StoreError) {
        try requireFolder(of: path)
        var name = Array("\(path)-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw StoreError(systemCode: errno, path: path, doing: "making the file") }
        close(descriptor)
        unlink(name)
    }

    private static func requireFolder(of path: String) throws(StoreError) {
        let folder = DatabaseFile.folder(of: path)
        if access(folder, F_OK) != 0 {
            throw StoreError(.notFound, path: folder, reason: "there is no such folder", advice: "make it first")
        }
    }

    deinit {
        unlink(temporary + "-lock")
        if !isFinished { unlink(temporary) }
        // As with a database's file.
        PlaceLock.rewriting.release(descriptor)
        close(descriptor)
    }

    /// Gives it its name; it must be synced.
    ///
    /// - Throws: `other` if there is a file of this name by now, `io`.
    package func finish() throws(StoreError) {
        unlink(temporary + "-lock")
        if link(temporary, path) == 0 {
            unlink(temporary)
        } else {
            let refusal = errno
            // No links there: the name is taken by an empty file of ours, which is then replaced.
            let place =
                refusal == EEXIST ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard place >= 0 else {
                throw StoreError(
                    .other, path: path, reason: "there is a file of this name by now", advice: "name another one")
            }
            close(place)
            guard rename(temporary, path) == 0 else {
                let code = errno
                unlink(path)
                throw StoreError(systemCode: code, path: path, doing: "naming the file")
            }
        }
        isFinished = true
        try DatabaseFile.syncFolder(of: path)
    }
}
