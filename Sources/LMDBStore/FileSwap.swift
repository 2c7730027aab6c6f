internal import Glibc

/// Gives a database's path to another file, so that a kill at any moment leaves one of the two, and nobody ever uses one
/// file with the other's `-lock` file. `Docs/decisions/0011-compaction.md` has the reasoning.
///
/// LMDB's `-lock` file belongs to a file, not to a name: it has that file's readers and the number of its last commit.
/// It cannot be replaced in one step with the file. So what is to be done is first written down, in `NAME-swap`. Whoever
/// opens the path meanwhile waits (`PlaceLock.opening`); whoever finds the note without its writer finishes or undoes
/// the swap before opening.
struct FileSwap: Equatable {
    /// The inodes of the file that is there, of the one to take its place, and of the `-lock` file; 0 for none.
    let old, new, lock: UInt64

    static func path(_ location: String) -> String { location + "-swap" }
    /// The file that is being written to take the place of `location`.
    static func newFile(_ location: String) -> String { location + "-compact" }

    /// Renames `newFile` to `location`; both files' place `opening` is held, exclusively. The new file is durable.
    ///
    /// - Throws: `io`, `permission`, `diskFull`. Then the old file is in its place, unless `isDone`.
    static func perform(_ location: String, old: UInt64, new: UInt64) throws(StoreError) {
        let swap = FileSwap(old: old, new: new, lock: inode(location + "-lock") ?? 0)
        let note = path(location)
        do throws(StoreError) {
            try swap.write(to: note, location)
            guard rename(newFile(location), location) == 0 else {
                throw StoreError(systemCode: errno, path: location, doing: "replacing the file")
            }
        } catch {
            unlink(note)
            throw error
        }
        try swap.finish(location)
    }

    /// What a killed process left: the swap is finished if the new file is in its place, and forgotten if not.
    ///
    /// - Throws: `io`, `permission`.
    static func recover(_ location: String) throws(StoreError) {
        guard let current = inode(location), let swap = read(location), swap.new == current else {
            // A file of the user's stays, and keeps nobody from opening the database.
            try? Leftover.remove(newFile(location))
            unlink(newFile(location) + "-lock")
            guard unlink(path(location)) == 0 || errno == ENOENT else {
                throw StoreError(systemCode: errno, path: path(location), doing: "cleaning up after a compaction")
            }
            return
        }
        try swap.finish(location)
    }

    /// Whether there is a note, or half of one. A file of the user's that is called so is none.
    static func isPending(_ location: String) -> Bool {
        guard let bytes = content(path(location)), bytes.count <= mostBytes else { return false }
        return bytes.starts(with: start.utf8) || start.utf8.starts(with: bytes)
    }

    /// - Throws: `other` if a file of the user's has the note's name.
    static func checkName(_ location: String) throws(StoreError) {
        guard access(path(location), F_OK) == 0, !isPending(location) else { return }
        throw Leftover.inTheWay(path(location))
    }

    /// The new file has the name: the old one's `-lock` file goes, then the note.
    private func finish(_ location: String) throws(StoreError) {
        let lockPath = location + "-lock"
        if lock != 0, Self.inode(lockPath) == lock, unlink(lockPath) != 0, errno != ENOENT {
            throw StoreError(systemCode: errno, path: lockPath, doing: "removing the former -lock file")
        }
        try DatabaseFile.syncFolder(of: location)
        unlink(Self.path(location))
    }

    // MARK: The note

    private static let start = "embdb swap 1 "
    private static let mostBytes = 199

    /// The last character says that it is whole.
    private var text: String { "\(Self.start)\(old) \(new) \(lock) ." }

    private func write(to note: String, _ location: String) throws(StoreError) {
        let descriptor = open(note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw StoreError(systemCode: errno, path: note, doing: "writing beside the file") }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw StoreError(
                systemCode: errno == 0 ? ENOSPC : errno, path: note, doing: "writing beside the file")
        }
    }

    /// nil if there is no note, or half of one: then nothing was renamed.
    private static func read(_ location: String) -> FileSwap? {
        guard let bytes = content(path(location)) else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard fields.count == 7, fields[..<3] == ["embdb", "swap", "1"], fields[6] == ".", let old = UInt64(fields[3]),
            let new = UInt64(fields[4]), let lock = UInt64(fields[5])
        else { return nil }
        return FileSwap(old: old, new: new, lock: lock)
    }

    /// The first ``mostBytes`` bytes and one more; nil if there is no file that can be read.
    private static func content(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: mostBytes + 1)
        let count = bytes.withUnsafeMutableBytes { readFully(descriptor, $0, at: 0) }
        return count < 0 ? nil : Array(bytes[..<count])
    }

    private static func inode(_ path: String) -> UInt64? { DatabaseFile.Identity(of: path)?.inode }
}
