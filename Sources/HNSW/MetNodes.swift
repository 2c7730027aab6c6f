internal import Numerics

/// Which nodes a walk has met, one bit a node, and in which order; clearing costs as much as was met.
struct MetNodes: ~Copyable {
    private var words = AlignedBuffer<UInt64>(repeating: 0, count: 0)
    private var list = AlignedBuffer<UInt32>(repeating: 0, count: 1024)
    private(set) var count = 0

    /// Empties the set and makes room for nodes 0..<`nodes`.
    mutating func reset(nodes: Int) {
        let needed = (nodes + 63) / 64
        if needed > words.count {
            words = AlignedBuffer(repeating: 0, count: needed)
        } else {
            for index in 0..<count { words.baseAddress[Int(list.baseAddress[index] >> 6)] = 0 }
        }
        count = 0
    }

    /// The nodes met, in their order.
    var nodes: UnsafePointer<UInt32> { UnsafePointer(list.baseAddress) }

    /// Adds `node`, below what `reset` was told; false if it is in already.
    mutating func insert(_ node: Int) -> Bool {
        let before = count
        var node = UInt32(truncatingIfNeeded: node)
        add(&node, count: 1, below: Int.max) { _ in }
        return count > before
    }

    /// Adds those of `links`, up to the first `GraphLayout.none`, that are below `nodes` and not in yet. `body` gets each
    /// that is below `nodes`, in or not: nobody can foresee which are, and a wrong guess costs more than to do without.
    @inline(__always)
    mutating func add(_ links: UnsafePointer<UInt32>, count most: Int, below nodes: Int, _ body: (Int) -> Void) {
        if count + most > list.count { grow() }
        let (words, list) = (words.baseAddress, list.baseAddress)
        var end = count
        for slot in 0..<most {
            let link = links[slot]
            let node = Int(link)
            guard node < nodes else {
                if link == GraphLayout.none { break }
                continue
            }
            let word = words[node >> 6]
            let shift = UInt64(node & 63)
            words[node >> 6] = word | 1 << shift
            list[end] = link
            end &+= Int(truncatingIfNeeded: ~word >> shift & 1)
            body(node)
        }
        count = end
    }

    private mutating func grow() {
        let larger = AlignedBuffer<UInt32>(repeating: 0, count: 2 * list.count)
        larger.baseAddress.update(from: list.baseAddress, count: count)
        list = larger
    }
}
