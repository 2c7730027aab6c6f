import Foundation

/// A built program of the package, run as a process of its own.
public struct CommandLineTool: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// The `embdb` that was built together with the running tests: both lie in `.build/<configuration>`.
    public static let embdb: CommandLineTool = {
        let tests =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return CommandLineTool(
            path: URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("embdb").path)
    }()

    /// Runs the program to its end.
    ///
    /// - Parameters:
    ///   - environment: variables beside those of this process.
    ///   - timeLimit: seconds after which it is killed.
    /// - Throws: ``RunningCommand/Failure`` if it cannot be started or does not end in time.
    @discardableResult
    public func run(
        _ arguments: [String], environment: [String: String] = [:], timeLimit: Double = 60
    ) throws -> CommandResult {
        try start(arguments, environment: environment).wait(timeLimit: timeLimit)
    }

    /// Starts the program and returns at once.
    public func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningCommand {
        try RunningCommand(path: path, arguments: arguments, environment: environment)
    }
}

/// What a process left behind.
public struct CommandResult: Sendable {
    /// The arguments, for a readable message.
    public let command: String
    /// As shells have it: 128 + the signal's number for a process that a signal ended.
    public let exitCode: Int32
    public let stdout: String
    public let stderr: String
    /// Wall time.
    public let seconds: Double

    /// The last line on stderr, where an error says what is wrong.
    public var lastErrorLine: String { stderr.split(separator: "\n").last.map(String.init) ?? "" }

    /// stdout as JSON.
    public func json() throws -> JSONAnswer {
        JSONAnswer(try JSONSerialization.jsonObject(with: Data(stdout.utf8)))
    }
}

/// A JSON value that a test looks into; what is not there is null.
public struct JSONAnswer {
    private let value: Any?

    init(_ value: Any?) { self.value = value is NSNull ? nil : value }

    public subscript(key: String) -> JSONAnswer { JSONAnswer((value as? [String: Any])?[key]) }
    public subscript(index: Int) -> JSONAnswer { JSONAnswer((value as? [Any])?[index]) }

    public var isNull: Bool { value == nil }
    public var string: String? { value as? String }
    public var int: Int? { value as? Int }
    public var double: Double? { value as? Double }
    public var bool: Bool? { value as? Bool }
    public var keys: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
    public var array: [JSONAnswer] { (value as? [Any] ?? []).map(JSONAnswer.init) }
    public var strings: [String] { array.compactMap(\.string) }
}
