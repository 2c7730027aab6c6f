internal import Synchronization

/// Stopped by the caller of a long build or measurement.
package struct Stopped: Error {}

/// How the caller of a long build watches it, and stops it.
package struct BuildWatch: Sendable {
    /// Told, from any thread, how many of how many steps are done; false stops.
    private let report: @Sendable (_ done: Int, _ total: Int) -> Bool
    /// Steps between two reports.
    private static let interval = 256

    package init(_ report: @escaping @Sendable (_ done: Int, _ total: Int) -> Bool) { self.report = report }

    /// Counts the steps of several threads.
    final class Counter: Sendable {
        private let watch: BuildWatch
        private let done = Atomic(0)
        private let total: Int

        init(_ watch: BuildWatch?, total: Int) {
            self.watch = watch ?? BuildWatch { _, _ in true }
            self.total = total
        }

        /// One more step.
        ///
        /// - Throws: ``Stopped`` if the caller wants no more; it may be some steps late.
        func step() throws(Stopped) {
            let now = done.add(1, ordering: .relaxed).newValue
            if now % BuildWatch.interval == 0 || now == total { try check(now) }
        }

        func check() throws(Stopped) { try check(done.load(ordering: .relaxed)) }

        private func check(_ done: Int) throws(Stopped) {
            if !watch.report(min(done, total), total) { throw Stopped() }
        }
    }
}
