internal import Foundation

/// A folder that one process has for itself as long as this object lives; gone with the process, however it ends.
final class FolderLock {
    private let descriptor: Int32

    /// - Throws: ``EmbDBError/Code/locked`` if another one has it; `storage`.
    init(_ path: String) throws(EmbDBError) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw EmbDBError(.storage, "the folder cannot be opened (\(path)): check its permissions, or name another")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
        let code = errno
        guard code == EWOULDBLOCK else {
            throw EmbDBError(
                .storage,
                "the folder cannot be locked, \(String(cString: strerror(code))) (\(path)): name one on a local disk")
        }
        throw EmbDBError(.locked, "a training is running in the folder (\(path)): wait for it, or name another")
    }

    /// The lock is released first: a process that another thread starts in this moment has the descriptor until its `exec`.
    deinit {
        _ = flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
