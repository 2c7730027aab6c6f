import Foundation

/// A built program of the package, run as a process of its own.
public struct CommandLineTool: Sendable {
    /// The program's path.
    public let path: String

    /// The program at `path`.
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
    /// All it wrote to its standard output.
    public let stdout: String
    /// All it wrote to its standard error.
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

    /// The value that a text holds.
    public init(text: String) throws { self.init(try JSONSerialization.jsonObject(with: Data(text.utf8))) }

    /// The value of a key of an object.
    public subscript(key: String) -> JSONAnswer { JSONAnswer((value as? [String: Any])?[key]) }
    /// An element of an array, from 0.
    public subscript(index: Int) -> JSONAnswer { JSONAnswer((value as? [Any])?[index]) }

    /// Whether it is null or was not there.
    public var isNull: Bool { value == nil }
    /// The text; nil for another type.
    public var string: String? { value as? String }
    /// The whole number; nil for another type.
    public var int: Int? { value as? Int }
    /// The number; nil for another type.
    public var double: Double? { value as? Double }
    /// The truth value; nil for another type.
    public var bool: Bool? { value as? Bool }
    /// The keys of an object; none for another type.
    public var keys: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
    /// The elements of an array; none for another type.
    public var array: [JSONAnswer] { (value as? [Any] ?? []).map(JSONAnswer.init) }
    /// The texts of an array.
    public var strings: [String] { array.compactMap(\.string) }
}
