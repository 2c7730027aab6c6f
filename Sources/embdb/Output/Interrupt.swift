internal import Foundation
internal import Synchronization

/// Ctrl-C: the first asks the task to stop after its current step, the second ends the program at once.
enum Interrupt {
    private static let requested = Atomic(false)

    static var wasRequested: Bool { requested.load(ordering: .relaxed) }

    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGINT) { _ in
            if requested.exchange(true, ordering: .relaxed) { _exit(130) }
        }
    }
}
