/// A stored graph is not what a builder wrote.
package struct HNSWError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    package enum Code: String, Sendable {
        /// A node or an entry links to a row that does not exist.
        case idOutOfRange
        /// A node links to itself.
        case selfLoop
        /// A node has the same link twice.
        case repeatedLink
        /// A list of identical vectors does not ascend.
        case badDuplicate
        /// A node's sketch is not that of its code.
        case wrongSketch
        /// The numbers of nodes and rows do not belong together.
        case wrongNumber
        /// No walk from the entries reaches a node.
        case unreachable
    }

    /// What is wrong.
    package let code: Code
    /// The row whose links are wrong, or that is unreachable; nil for the entry table.
    package let row: Int?
    /// The offending link, if there is one.
    package let link: Int?
    /// Rows in the graph.
    package let count: Int

    /// One line: what is wrong (where): what to do.
    package var description: String {
        let place = row.map { "row \($0)" } ?? "the entry table"
        let fact =
            switch code {
            case .idOutOfRange: "\(place) links to row \(link ?? -1) of \(count)"
            case .selfLoop: "\(place) links to itself"
            case .repeatedLink: "\(place) links twice to row \(link ?? -1)"
            case .badDuplicate: "\(place) names row \(link ?? -1) as the next identical one"
            case .wrongSketch: "the sketch of \(place) is not that of its code"
            case .wrongNumber: "the number of \(place) is not that of the node it names"
            case .unreachable: "\(place) of \(count) cannot be reached"
            }
        return "the search graph is damaged (\(fact)): build it again"
    }
}
