internal import Dispatch
internal import Foundation
internal import Synchronization

/// Loops over cells, spread over threads. What is computed for an index must depend on the index alone; then the
/// results are the same for any number of threads.
package enum Parallel {
    /// All cores of the machine that this process may use.
    package static var availableThreads: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// Runs `body(&state, index)` for every index of 0..<count on up to `threads` threads, each with a state of its
    /// own (scratch memory). Indices are handed out in ascending order, `grain` at a time. Returns when all are
    /// done; the first error stops the handing out and is thrown.
    package static func forEach<State: ~Copyable, E: Error>(
        _ count: Int, threads: Int, grain: Int = 1, makeState: @Sendable () -> State,
        _ body: @Sendable (inout State, Int) throws(E) -> Void
    ) throws(E) {
        guard count > 0 else { return }
        let workers = min(max(1, threads), (count + grain - 1) / grain)
        let next = Atomic(0)
        let failure = Mutex<(any Error)?>(nil)
        @Sendable func run() {
            var state = makeState()
            while true {
                let start = next.add(grain, ordering: .relaxed).oldValue
                if start >= count { return }
                for index in start..<min(count, start + grain) {
                    do throws(E) {
                        try body(&state, index)
                    } catch {
                        failure.withLock { if $0 == nil { $0 = error } }
                        next.store(count, ordering: .relaxed)
                        return
                    }
                }
            }
        }
        if workers == 1 {
            run()
        } else {
            DispatchQueue.concurrentPerform(iterations: workers) { _ in run() }
        }
        if let error = failure.withLock({ $0 }) as? E { throw error }
    }

    /// ``forEach(_:threads:grain:makeState:_:)`` without a state.
    package static func forEach<E: Error>(
        _ count: Int, threads: Int, grain: Int = 1, _ body: @Sendable (Int) throws(E) -> Void
    ) throws(E) {
        try forEach(count, threads: threads, grain: grain, makeState: {}) { (_: inout Void, index: Int) throws(E) in
            try body(index)
        }
    }

    /// Runs `body(worker, index)` for every index of 0..<count on up to `workers` threads, numbered from 0; each number is
    /// in use once at a time.
    package static func forEach(_ count: Int, workers: Int, _ body: @Sendable (Int, Int) -> Void) {
        let number = Atomic(0)
        forEach(count, threads: workers, makeState: { number.add(1, ordering: .relaxed).oldValue }) {
            (worker: inout Int, index: Int) in body(worker, index)
        }
    }
}
