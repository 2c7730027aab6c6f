internal import Foundation

/// How long a ranking may go on.
struct KnockoutBudget: Sendable {
    /// Passes through the transformer; nil for no limit.
    let forwards: Int?
    /// nil for no limit.
    private let start: Date
    private let seconds: Double?
    /// Nobody asked for a limit: it ends once more would hardly change the best genes.
    let stopsEarly: Bool

    /// The share of the best genes at which that is so.
    static let enoughOverlap = 0.95
    /// Of a limit in seconds.
    static let shareOfEstimates = 0.7

    init(forwards: Int?, seconds: Double?, stopsEarly: Bool, start: Date = Date()) {
        self.forwards = forwards
        self.seconds = seconds
        self.stopsEarly = stopsEarly
        self.start = start
    }

    func isOver(spent: Int) -> Bool { forwards.map { spent >= $0 } ?? false || isLate(share: 1) }

    /// Whether that share of the seconds is over.
    func isLate(share: Double) -> Bool { seconds.map { Date().timeIntervalSince(start) >= share * $0 } ?? false }
}
