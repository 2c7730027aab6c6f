/// The links to the nodes of a batch, grouped by the node that gets them; groups and their sources are in the order in
/// which they were added.
struct IncomingLinks {
    struct Group: Sendable {
        let target: UInt32
        var sources: [UInt32]
    }

    private var groups: [Group] = []
    /// Where the group of a target is, or −1.
    private var places: [Int32]

    init(nodes: Int) { places = [Int32](repeating: -1, count: nodes) }

    mutating func add(from source: UInt32, to target: UInt32) {
        let place = Int(places[Int(target)])
        if place >= 0 {
            groups[place].sources.append(source)
        } else {
            places[Int(target)] = Int32(groups.count)
            groups.append(Group(target: target, sources: [source]))
        }
    }

    func grouped() -> [Group] { groups }

    mutating func removeAll() {
        for group in groups { places[Int(group.target)] = -1 }
        groups.removeAll(keepingCapacity: true)
    }
}
