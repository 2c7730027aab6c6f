internal import Foundation
internal import Synchronization

/// A global, since a signal handler can capture nothing.
private let requested = Atomic(false)

/// Ctrl-C: the first asks the task to stop after its current step, the second ends the program at once.
enum Interrupt {
    static var wasRequested: Bool { requested.load(ordering: .relaxed) }

    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGINT) { _ in
            if requested.exchange(true, ordering: .relaxed) { _exit(130) }
        }
    }
}
