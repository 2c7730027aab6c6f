import Foundation

/// How much a test of long kind does: little by default, more with `EMBDB_SLOW_TESTS`, or what a variable says.
public enum Effort {
    /// Whether the long tests are asked for.
    public static let isSlow = ProcessInfo.processInfo.environment["EMBDB_SLOW_TESTS"] != nil

    /// The number that `variable` says; else `slow` or `quick`.
    public static func count(_ variable: String, quick: Int, slow: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? (isSlow ? slow : quick)
    }
}
