import Foundation
import Synchronization

/// A closure on a thread of its own: the tasks of Swift share as many threads as there are cores.
public final class Background: Sendable {
    private let outcome = Mutex<Result<Void, any Error>?>(nil)

    /// Starts at once.
    public init(_ body: @escaping @Sendable () throws -> Void) {
        Thread.detachNewThread { [self] in
            let result = Result { try body() }
            outcome.withLock { $0 = result }
        }
    }

    /// Whether it has ended, well or not.
    public var isDone: Bool { outcome.withLock { $0 != nil } }

    /// Waits for the end.
    ///
    /// - Throws: what the closure threw.
    public func wait() throws {
        while !isDone { usleep(1_000) }
        try outcome.withLock { $0 }?.get()
    }
}
