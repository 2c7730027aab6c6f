import Foundation

/// A process that was started and may still run. `posix_spawn`, not Foundation's `Process`, so that a signal can be
/// sent at an exact moment and nothing depends on a run loop.
public final class RunningCommand {
    /// A process could not be started or did not end in time.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened, in one line.
        public let description: String
    }

    private let command: String
    private let pid: pid_t
    private let output: TemporaryFolder
    private let start = DispatchTime.now()
    private var exitCode: Int32?

    /// The processes that it has started and that still run, by name.
    public var children: [String] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { process in
            let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            guard let status, status.contains("PPid:\t\(pid)\n") else { return nil }
            return status.firstMatch(of: /Name:\t(.*)/).map { String($0.1) }
        }
    }

    /// Seconds since the start.
    public var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9 }

    init(path: String, arguments: [String], environment: [String: String]) throws {
        command = ([URL(fileURLWithPath: path).lastPathComponent] + arguments).joined(separator: " ")
        output = try TemporaryFolder()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output.file("stdout"), O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, output.file("stderr"), O_WRONLY | O_CREAT, 0o600)
        // Whoever started the tests may have switched Ctrl-C off, and the threads that tests run on block signals.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var child: pid_t = 0
        let code = Self.withCStrings([path] + arguments) { arguments in
            Self.withCStrings(variables) { posix_spawn(&child, path, &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else {
            throw Failure(description: "\(path) cannot be started: \(String(cString: strerror(code)))")
        }
        pid = child
    }

    deinit {
        if exitCode == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }

    /// Sends a signal, unless the process has ended.
    public func send(_ signal: Int32) { if !hasEnded { kill(pid, signal) } }

    /// Whether the process is gone; does not wait.
    public var hasEnded: Bool {
        if exitCode != nil { return true }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return false }
        exitCode = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
        return true
    }

    /// Waits for the end, and kills the process at the time limit.
    public func wait(timeLimit: Double = 60) throws -> CommandResult {
        while !hasEnded {
            if seconds > timeLimit {
                kill(pid, SIGKILL)
                throw Failure(description: "still running after \(timeLimit) s: \(command)")
            }
            usleep(1000)
        }
        return CommandResult(
            command: command, exitCode: exitCode ?? -1, stdout: text("stdout"), stderr: text("stderr"), seconds: seconds
        )
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: output.file(name)) ?? Data(), as: UTF8.self)
    }

    private static func withCStrings<R>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    }
}
