internal import Synchronization

/// How a caller watches a long task, and stops it.
public struct Control: Sendable {
    /// A step of a long task: `done` of `total` units ("cells", "deletions").
    public struct Progress: Sendable {
        /// What is counted.
        public let unit: String
        /// What is being done ("embedding", "building the index").
        public let phase: String
        /// Units done.
        public let done: Int
        /// Units in all.
        public let total: Int
        /// What else there is to say ("loss 6.142"); empty for nothing.
        public var note = ""
    }

    let progress: @Sendable (Progress) -> Void
    let warning: @Sendable (String) -> Void
    let isCancelled: @Sendable () -> Bool

    /// - Parameters:
    ///   - progress: called from any thread, several at once, after every cell.
    ///   - warning: called with a sentence that a person should read.
    ///   - isCancelled: asked between small steps; once true, the task throws ``EmbDBError/Code/cancelled`` soon.
    public init(
        progress: @escaping @Sendable (Progress) -> Void = { _ in },
        warning: @escaping @Sendable (String) -> Void = { _ in },
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.progress = progress
        self.warning = warning
        self.isCancelled = isCancelled
    }

    /// Counts cells as they are done, from several threads.
    final class Counter: Sendable {
        private let count: Atomic<Int>
        init(from start: Int) { count = Atomic(start) }
        /// One more; how many there are now.
        func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    }

    func checkCancelled(_ message: @autoclosure () -> String) throws(EmbDBError) {
        if isCancelled() { throw EmbDBError(.cancelled, message()) }
    }
}
