internal import Foundation

/// A global, since a signal handler can capture nothing.
private nonisolated(unsafe) var guardedChild: pid_t = 0

/// Runs this program again with the same arguments, as a child whose death by a fault of memory can be told: `verify`
/// reads what nobody has checked before it. See decision 0010.
enum GuardedRun {
    /// How a child ended.
    enum End {
        case exited(Int32)
        case killed(signal: Int32)
    }

    private static let variable = "EMBDB_GUARDED"

    /// The signals of a program that its data lead astray.
    static let faults = [SIGBUS, SIGSEGV, SIGILL, SIGTRAP, SIGABRT]

    /// Whether this process is such a child.
    static var isChild: Bool { getenv(variable) != nil }

    /// Runs the child to its end, with the terminal's Ctrl-C left to it; nil if it cannot be started.
    static func run() -> End? {
        var attributes = posix_spawnattr_t()
        guard posix_spawnattr_init(&attributes) == 0 else { return nil }
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT] + faults { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        setenv(variable, "1", 1)
        defer { unsetenv(variable) }
        var child: pid_t = 0
        guard posix_spawn(&child, "/proc/self/exe", nil, &attributes, &arguments, environ) == 0 else { return nil }
        guardedChild = child
        signal(SIGINT, SIG_IGN)
        for number in [SIGTERM, SIGHUP] {
            signal(number) { number in
                kill(guardedChild, SIGKILL)
                _exit(128 + number)
            }
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) != child {
            guard errno == EINTR else { return nil }
        }
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: status & 0x7F)
    }
}
