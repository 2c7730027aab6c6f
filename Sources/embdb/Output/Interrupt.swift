internal import Foundation
internal import Synchronization

/// A global, since a signal handler can capture nothing.
private let requested = Atomic(false)

/// Ctrl-C: the first asks the task to stop after its current step, the second ends the program at once.
enum Interrupt {
    static var wasRequested: Bool { requested.load(ordering: .relaxed) }

    /// LMDB follows the pages that it maps. Where a damaged file leads it astray, the system ends the program: then at
    /// least say what to do. (`verify` reads the file in a way that cannot crash.)
    static func explainMemoryFaults() {
        for fault in [SIGBUS, SIGSEGV] {
            signal(fault) { _ in
                let text: StaticString = """
                    embdb: the program read memory that is not there, as a damaged database makes it do: run embdb \
                    verify DATABASE

                    """
                _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
                _exit(1)
            }
        }
    }

    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGINT) { _ in
            if requested.exchange(true, ordering: .relaxed) { _exit(130) }
        }
    }
}
