import Synchronization

/// Lines that come from any thread.
final class Log: Sendable {
    private let content = Mutex<[String]>([])

    var lines: [String] { content.withLock { $0 } }

    /// Counted under the lock: the thread sanitizer does not see how arrays that are shared count their owners.
    var count: Int { content.withLock { $0.count } }

    func add(_ line: String) { content.withLock { $0.append(line) } }
}
