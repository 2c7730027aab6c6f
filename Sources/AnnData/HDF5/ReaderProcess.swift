internal import CHDF5
internal import Glibc

/// Answers the requests of an `HDF5File`, one at a time: a process of its own, or a fuzzer that answers nonsense.
package protocol HDF5Reader: AnyObject {
    /// Answers `request` into `memory`, which grows if it must; returns the answer's status and length.
    func answer(
        _ request: [UInt8], into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int)
}

/// How a reader process ended.
package enum ReaderDeath: Error {
    /// It used up the CPU time of its request.
    case endless
    case crashed
    /// Killed from outside, by the system short of memory as a rule.
    case killed
    case notStarted(String)
}

/// The child process that calls libhdf5, and the socket to it. Used by one thread at a time.
package final class ReaderProcess: HDF5Reader {
    private let pid: pid_t
    private let descriptor: Int32
    private var isReaped = false

    /// Starts this executable again as a reader. It inherits no descriptor but its socket, its standard streams are
    /// /dev/null, and no signal of the terminal ends it: the parent decides.
    package static func start() throws(ReaderDeath) -> ReaderProcess {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .notStarted("no socket: " + errorText(errno))
        }
        defer { close(ends[1]) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], ReaderLimits.descriptor)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addclosefrom_np(&actions, ReaderLimits.descriptor + 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var everySignal = sigset_t()
        sigfillset(&everySignal)
        var blocked = sigset_t()
        sigemptyset(&blocked)
        for signal in [SIGINT, SIGQUIT, SIGTSTP, SIGHUP] { sigaddset(&blocked, signal) }
        posix_spawnattr_setsigdefault(&attributes, &everySignal)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var environment = Self.environment.map { strdup($0) }
        environment.append(nil)
        var arguments = [strdup("embdb-hdf5-reader"), nil]
        defer { for text in environment + arguments { free(text) } }
        var child: pid_t = 0
        var status = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, &arguments, &environment)
        if status == ENOENT || status == EACCES, let path = CommandLine.arguments.first {
            status = posix_spawn(&child, path, &actions, &attributes, &arguments, &environment)
        }
        guard status == 0 else {
            close(ends[0])
            throw .notStarted(errorText(status))
        }
        let process = ReaderProcess(pid: child, descriptor: ends[0])
        try process.greet()
        return process
    }

    private init(pid: pid_t, descriptor: Int32) {
        self.pid = pid
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        if !isReaped {
            // It holds nothing but a file open for reading.
            kill(pid, SIGKILL)
            Self.reap(pid)
        }
    }

    package func answer(
        _ request: [UInt8], into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int) {
        try send(request)
        return try receive(into: &memory)
    }

    /// Sends a request.
    func send(_ request: [UInt8]) throws(ReaderDeath) {
        var head = WireWriter()
        head.put(UInt32(request.count))
        guard head.bytes.withUnsafeBytes({ sendFully(descriptor, $0) }),
            request.withUnsafeBytes({ sendFully(descriptor, $0) })
        else { throw bury() }
    }

    /// Receives an answer into `memory`, which grows if it must; returns its status and length.
    func receive(
        into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int) {
        var length: UInt32 = 0
        var code: UInt8 = 0
        guard withUnsafeMutableBytes(of: &length, { readFully(descriptor, $0) }),
            withUnsafeMutableBytes(of: &code, { readFully(descriptor, $0) }),
            let status = ReaderStatus(rawValue: code), length <= ReaderLimits.answerBytes
        else { throw bury() }
        if memory.count < Int(length) {
            memory.deallocate()
            memory = .allocate(byteCount: max(Int(length), 1 << 16), alignment: 64)
        }
        guard readFully(descriptor, UnsafeMutableRawBufferPointer(rebasing: memory[0..<Int(length)])) else {
            throw bury()
        }
        return (status, Int(length))
    }

    /// The reader says who it is; an executable that does not hold this library would say nothing.
    private func greet() throws(ReaderDeath) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var ready: Int32
        repeat { ready = poll(&waiting, 1, 20_000) } while ready < 0 && errno == EINTR
        var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 64)
        defer { memory.deallocate() }
        guard ready == 1, let answer = try? receive(into: &memory),
            memory.prefix(answer.length).elementsEqual(ReaderLimits.greeting)
        else { throw .notStarted("the executable does not answer") }
    }

    /// Ends the process, if it has not ended, and says how it died.
    private func bury() -> ReaderDeath {
        if isReaped { return .crashed }
        // A reader that closed its end is ending already, and its own signal is what we want to know: it gets a
        // moment before it is killed.
        var status: Int32 = 0
        for _ in 0..<100 {
            let ended = waitpid(pid, &status, WNOHANG)
            if ended == pid || (ended < 0 && errno != EINTR) {
                isReaped = true
                return death(status)
            }
            usleep(2_000)
        }
        kill(pid, SIGKILL)
        Self.reap(pid)
        isReaped = true
        return .crashed
    }

    private static func reap(_ pid: pid_t) {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }

    private func death(_ status: Int32) -> ReaderDeath {
        switch status & 0x7f {
        case SIGPROF: .endless
        case SIGKILL: .killed
        default: .crashed
        }
    }

    /// The environment of this process and what the reader needs.
    private static var environment: [String] {
        let own = [
            ReaderLimits.environmentName: "\(ReaderLimits.descriptor)", "HDF5_USE_FILE_LOCKING": "FALSE",
            "OPENBLAS_NUM_THREADS": "1",
            // A crash is expected here, and nobody waits for its backtrace.
            "SWIFT_BACKTRACE": "enable=no",
        ]
        var result = own.map { "\($0.key)=\($0.value)" }
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if own[String(text.prefix { $0 != "=" })] == nil { result.append(text) }
            next += 1
        }
        return result
    }
}

/// The text of an `errno`.
func errorText(_ code: Int32) -> String {
    var text = [CChar](repeating: 0, count: 256)
    return strerror_r(code, &text, text.count) == 0
        ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        : "error \(code)"
}
