internal import Glibc

/// Locks on the database file beside the writer's `flock`: on two bytes far behind the end of any file, which belong to
/// the open file (`F_OFD_SETLK`) and so hold between threads too, and end with the process.
enum PlaceLock: off_t, CaseIterable {
    /// Shared while somebody opens the file together with its `-lock` file; exclusive while the file that the path leads
    /// to is replaced by another one, with another `-lock` file.
    case opening = 0x4000_0000_0000_0000
    /// Exclusive for whoever writes a file that is to take this one's place.
    case rewriting = 0x4000_0000_0000_0001

    enum Outcome: Equatable {
        case taken
        /// Somebody else has it.
        case busy
        /// The file system knows no such locks (or the file may only be read, and the lock is exclusive).
        case impossible
    }

    /// Linux: `F_OFD_SETLK`.
    private static let command: CInt = 37

    /// Tries for `seconds`.
    func take(_ descriptor: CInt, exclusive: Bool, waiting seconds: Double) -> Outcome {
        var pauses = Int(seconds * 200)
        while true {
            if set(descriptor, exclusive ? F_WRLCK : F_RDLCK) == 0 { return .taken }
            if errno == EINTR { continue }
            guard errno == EAGAIN || errno == EACCES else { return .impossible }
            guard pauses > 0 else { return .busy }
            pauses -= 1
            usleep(5000)
        }
    }

    func release(_ descriptor: CInt) { _ = set(descriptor, F_UNLCK) }

    static func releaseAll(_ descriptor: CInt) { for lock in allCases { lock.release(descriptor) } }

    private func set(_ descriptor: CInt, _ kind: CInt) -> CInt {
        var lock = flock()
        lock.l_type = Int16(kind)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = rawValue
        lock.l_len = 1
        return fcntl(descriptor, Self.command, &lock)
    }
}
