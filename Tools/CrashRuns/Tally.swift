import Foundation

/// What was tried, and where kills struck.
struct Tally {
    var kills = 0
    var databases = 0
    /// Operations that were done, by kind.
    var operations: [String: Int] = [:]
    /// Kills by kind of operation.
    var killed: [String: Int] = [:]
    /// Kills by what the database showed then.
    var states: [String: Int] = [:]
    /// Kills by the call where they struck.
    var calls: [String: Int] = [:]
    /// Operations that ended before their kill.
    var tooLate = 0
    /// Interrupted work that was dropped for other work.
    var dropped = 0

    mutating func add(_ other: Tally) {
        kills += other.kills
        databases += other.databases
        tooLate += other.tooLate
        dropped += other.dropped
        operations.merge(other.operations, uniquingKeysWith: +)
        killed.merge(other.killed, uniquingKeysWith: +)
        states.merge(other.states, uniquingKeysWith: +)
        calls.merge(other.calls, uniquingKeysWith: +)
    }

    var text: String {
        func list(_ counts: [String: Int]) -> String {
            counts.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
                .map { "\($0.key) \($0.value)" }.joined(separator: " · ")
        }
        return """
            \(kills) processes killed, in \(databases) databases
              operations done:     \(list(operations))
              kills by operation:  \(list(killed))
              kills by state:      \(list(states))
              kills by moment:     \(list(calls))
              ended before the kill: \(tooLate); interrupted work dropped for other work: \(dropped)
            """
    }
}
