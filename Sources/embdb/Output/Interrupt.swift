internal import Foundation
internal import Synchronization

/// A global, since a signal handler can capture nothing.
private let requested = Atomic(false)
/// Seconds; 0 without end.
private let patience = Atomic<UInt32>(2)

/// Ctrl-C: the first asks the task to stop after its current step, and ends the program where that takes longer than
/// people wait; the second ends it at once. Either way the exit code is 130, and the database is that of the last commit.
enum Interrupt {
    static var wasRequested: Bool { requested.load(ordering: .relaxed) }

    /// LMDB follows the pages that it maps. Where a damaged file leads it astray, the system or LMDB's own checks end the
    /// program: then at least say what to do. (`verify` reads the file in a way that cannot crash.)
    static func explainFaults() {
        for fault in [SIGBUS, SIGSEGV] {
            signal(fault) { _ in
                Interrupt.end(
                    """
                    embdb: the program read memory that is not there, as a damaged database makes it do: run embdb \
                    verify DATABASE

                    """, code: 1)
            }
        }
        for fault in [SIGABRT, SIGILL, SIGTRAP] {
            signal(fault) { _ in
                Interrupt.end(
                    """
                    embdb: the program had to stop, as a damaged database makes it do: run embdb verify DATABASE, and \
                    report it if the database is whole

                    """, code: 1)
            }
        }
    }

    /// - Parameter waits: for the current step, however long it takes, since much would be lost with it.
    static func install(waits: Bool = false) {
        signal(SIGPIPE, SIG_IGN)
        if waits { patience.store(0, ordering: .relaxed) }
        signal(SIGALRM) { _ in
            Interrupt.end(
                """

                embdb: stopped in the middle of a step; what was committed before is kept: run the same command again

                """, code: 130)
        }
        signal(SIGINT) { _ in
            if requested.exchange(true, ordering: .relaxed) { _exit(130) }
            let seconds = patience.load(ordering: .relaxed)
            if seconds > 0 {
                alarm(seconds)
            } else {
                Interrupt.say("\nstopping after this step; Ctrl-C again stops at once\n")
            }
        }
    }

    /// The task stopped by itself.
    static func stopWaiting() { alarm(0) }

    /// All that a signal handler may do.
    private static func end(_ text: StaticString, code: Int32) -> Never {
        say(text)
        _exit(code)
    }

    private static func say(_ text: StaticString) {
        _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }
}
