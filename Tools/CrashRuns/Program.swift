import Foundation

/// When a process is killed.
enum Kill: CustomStringConvertible {
    /// So many seconds after its start.
    case after(seconds: Double)
    /// At its Nth call that changes a file: before it, after it, or when half of it is done.
    case call(Int, how: String)

    var description: String {
        switch self {
        case .after(let seconds): "after \(String(format: "%.4f", seconds)) s"
        case .call(let number, let how): "\(how == "half" ? "within" : how) its call \(number) that changes a file"
        }
    }
}

/// What a process left behind.
struct Outcome {
    /// 128 + the signal's number for a process that a signal ended.
    var exitCode: Int32
    var output: String
    var errors: String
    var seconds: Double
    /// Calls that changed a file; 0 if they were not counted.
    var calls: Int
    /// The call at which the process was killed; nil if it was not, or by time.
    var killedAt: String?

    var wasKilled: Bool { exitCode == 128 + SIGKILL }
    var lastLine: String { errors.split(separator: "\n").last.map(String.init) ?? "" }
}

/// The built `embdb`, run in processes of its own.
struct Program {
    let path: String
    /// The library that counts calls and kills at one of them.
    let preload: String
    /// Where outputs go.
    let folder: String

    func run(_ arguments: [String], kill: Kill? = nil, counting: Bool = false, timeLimit: Double = 120) throws
        -> Outcome
    {
        let log = folder + "/call"
        unlink(log)
        var variables = ProcessInfo.processInfo.environment
        if case .call(let number, let how) = kill {
            variables.merge(
                ["LD_PRELOAD": preload, "TORTURE_CALL": "\(number)", "TORTURE_HOW": how, "TORTURE_LOG": log]
            ) { $1 }
        } else if counting {
            variables.merge(["LD_PRELOAD": preload, "TORTURE_LOG": log]) { $1 }
        }
        let start = DispatchTime.now()
        func seconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9 }
        let child = try spawn(arguments, variables)
        if case .after(let wait) = kill {
            usleep(UInt32(max(0, wait - seconds()) * 1e6))
            Glibc.kill(child, SIGKILL)
        }
        var status: Int32 = 0
        while waitpid(child, &status, WNOHANG) != child {
            if seconds() > timeLimit {
                Glibc.kill(child, SIGKILL)
                waitpid(child, &status, 0)
                throw Loss("hangs (\(Int(timeLimit)) s): embdb \(arguments.joined(separator: " "))")
            }
            usleep(500)
        }
        let took = seconds()
        let note = try? String(contentsOfFile: log, encoding: .utf8)
        return Outcome(
            exitCode: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F),
            output: text("stdout"), errors: text("stderr"), seconds: took,
            calls: counting ? note.flatMap { Int($0) } ?? 0 : 0,
            killedAt: note.flatMap { Int($0) == nil ? $0 : nil })
    }

    private func spawn(_ arguments: [String], _ variables: [String: String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, folder + "/stdout", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, folder + "/stderr", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var child: pid_t = 0
        let code = withCStrings([path] + arguments) { arguments in
            withCStrings(variables.map { "\($0)=\($1)" }) { posix_spawn(&child, path, &actions, nil, arguments, $0) }
        }
        guard code == 0 else { throw Loss("\(path) cannot be started: \(String(cString: strerror(code)))") }
        return child
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self)
    }

    private func withCStrings<R>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { $0.baseAddress.map(body)! }
    }
}

/// Something that was confirmed is gone, something unconfirmed is seen, or a command failed that may not.
struct Loss: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
