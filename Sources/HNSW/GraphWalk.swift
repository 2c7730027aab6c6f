internal import CKernels
internal import Numerics

/// A best-first walk of the graph (Malkov and Yashunin 2018, algorithm 2) from the entries nearest to the query.
///
/// Where the graph has sketches the walk first goes by them alone (the draft), and what it found is then compared by
/// code. With faithful sketches that is all. Else the draft only leads to the neighborhood of the query, and from there on
/// the walk goes by codes, of those nodes that may have a place in the beam by their sketch.
///
/// It goes in steps: each ends where the next has to wait for memory that it has just asked for, so that a thread can go
/// on with the walk of another query meanwhile.
struct WalkState {
    fileprivate enum Step {
        /// The codes of some nodes are on their way.
        case codes
        /// The links of the node to be followed are.
        case links
        /// The sketches of its neighbors are.
        case sketches
        case done
    }

    fileprivate var step = Step.done
    fileprivate var isDraft = false
    /// Places of the draft whose links are followed.
    fileprivate var drafted = 0
    fileprivate var ef = 0
    fileprivate var filter: UnsafePointer<UInt64>?
    fileprivate var test = NearnessTest(unit: 1)
    /// The node whose links are followed.
    fileprivate var node = 0
    /// The first place in the beam, or the draft, that may hold a node whose links were not followed.
    fileprivate var position = 0
    /// How many of the last nodes met are on their way.
    fileprivate var fresh = 0
    /// How much of the draft was compared by code.
    fileprivate var taken = 0
    /// Distances computed, of codes and of sketches.
    fileprivate(set) var computed = 0

    init() {}
}

extension GraphRows {
    /// Entries whose nearest few start the walk: more of them rescue queries unlike all that is stored.
    static let starts = 4
    /// How many of the nearest by sketch are followed to come near the query, where sketches are not faithful.
    private static let descent = 2
    /// Begins a walk for the query in `scratch` (its code, and its sketch where the graph has sketches).
    ///
    /// The links of the best `ef` nodes are followed. The walk leaves in `scratch.beam` the best max(ef, width) nodes
    /// met and, with a filter, in `scratch.matches` the best `width` that match.
    ///
    /// - Parameters:
    ///   - count: entries in use.
    ///   - slack: how many more than `ef` a walk by faithful sketches takes, since they do not order the nearest as codes
    ///     do.
    func begin(
        _ entries: EntryTable, count: Int, ef: Int, width: Int, slack: Int = 0, filter: UnsafePointer<UInt64>? = nil,
        _ scratch: inout SearchScratch
    ) {
        scratch.met.reset(nodes: nodes)
        scratch.beam.reset(limit: max(ef, width))
        scratch.matches.reset(limit: filter == nil ? 0 : width)
        scratch.walk = WalkState()
        scratch.walk.ef = ef
        scratch.walk.filter = filter
        scratch.walk.computed = min(count, entries.nodes.count)
        if let sketches {
            scratch.walk.test = NearnessTest(unit: sketches.basis.unit)
            scratch.walk.isDraft = true
            let isFaithful = sketches.basis.isFaithful
            scratch.draft.reset(limit: ef + (isFaithful ? slack : ef / 2))
            scratch.walk.drafted = isFaithful ? ef + slack : Self.descent
            entries.nearest(Self.starts, count: count, scratch.sketch, &scratch.entrySquares, &scratch.starts) {
                square, number in
                let node = Int(entries.nodes[number])
                if scratch.met.insert(node) { _ = scratch.draft.insert(SketchKey.make(square, node)) }
            }
            chooseDraft(from: 0, &scratch)
        } else {
            scratch.starts.reset(limit: Self.starts)
            entries.distances(count: count, stride: rows.codeStride, scratch.query, &scratch.batch) { node, distance in
                _ = scratch.starts.insert(SortKey.make(distance, node))
            }
            for index in 0..<scratch.starts.count {
                let node = SortKey.row(scratch.starts[index])
                if scratch.met.insert(node) { scratch.batch.append(node, row: numbers.row(node), rows) }
            }
            scratch.walk.step = .codes
        }
    }

    /// Goes on with the walk in `scratch` until it has to wait for memory; false once it is at its end.
    @inline(__always)
    func advance(_ scratch: inout SearchScratch) -> Bool {
        switch scratch.walk.step {
        case .codes: insert(&scratch)
        case .links: gather(&scratch)
        case .sketches: if scratch.walk.isDraft { draft(&scratch) } else { sift(&scratch) }
        case .done: return false
        }
        return scratch.walk.step != .done
    }

    /// A walk without a filter from its beginning to its end, with `ef` nodes in the beam.
    func walk(_ entries: EntryTable, count: Int, ef: Int, _ scratch: inout SearchScratch) {
        begin(entries, count: count, ef: ef, width: ef, &scratch)
        while advance(&scratch) {}
    }

    /// Leaves in `scratch.beam` the best `width` nodes of `scratch.draft` by code.
    func compareDraft(width: Int, _ scratch: inout SearchScratch) {
        guard let sketches else { return }
        scratch.beam.reset(limit: width)
        scratch.matches.reset(limit: 0)
        scratch.walk = WalkState()
        scratch.walk.test = NearnessTest(unit: sketches.basis.unit)
        takeDraft(&scratch)
        while advance(&scratch) {}
    }

    /// The next of the first nodes of the draft whose links were not followed; else the draft is at its end.
    private func chooseDraft(from start: Int, _ scratch: inout SearchScratch) {
        let end = min(scratch.walk.drafted, scratch.draft.count)
        var position = start
        while position < end, scratch.draft[position] & 1 == 1 { position += 1 }
        guard position < end else {
            scratch.walk.isDraft = false
            scratch.walk.position = 0
            takeDraft(&scratch)
            return
        }
        scratch.draft.mark(position)
        follow(SortKey.row(scratch.draft[position]), position, &scratch)
    }

    /// Asks for the codes of the draft, as many as are compared at once.
    private func takeDraft(_ scratch: inout SearchScratch) {
        guard let sketches else { return }
        let start = scratch.walk.taken
        let end = min(scratch.draft.count, start + CodeBatch.capacity)
        for index in start..<end {
            let node = SortKey.row(scratch.draft[index])
            scratch.taken[index - start] = scratch.draft[index]
            scratch.batch.append(node, row: numbers.row(node), rows, scale: sketches.scale(node))
        }
        scratch.walk.taken = end
        scratch.walk.step = .codes
    }

    /// The next node in the beam whose links were not followed.
    @inline(__always)
    private func choose(from start: Int, _ scratch: inout SearchScratch) {
        let end = min(scratch.walk.ef, scratch.beam.count)
        var position = start
        while position < end, scratch.beam[position] & 1 == 1 { position += 1 }
        guard position < end else {
            scratch.walk.step = .done
            return
        }
        scratch.beam.mark(position)
        follow(SortKey.row(scratch.beam[position]), position, &scratch)
        // Unless this node leads to a nearer one, the next in the beam is the next to be followed.
        if position + 1 < end { prefetchLinks(SortKey.row(scratch.beam[position + 1])) }
    }

    @inline(__always)
    private func follow(_ node: Int, _ position: Int, _ scratch: inout SearchScratch) {
        prefetchLinks(node)
        numbers.prefetch(node)
        scratch.walk.node = node
        scratch.walk.position = position + 1
        scratch.walk.step = .links
    }

    /// Takes the links that no node before had.
    private func gather(_ scratch: inout SearchScratch) {
        let links = links(scratch.walk.node)
        let first = scratch.met.count
        if let sketches {
            scratch.met.add(links, count: GraphLayout.links, below: nodes) { ek_prefetch_line(sketches.sketch($0)) }
            scratch.walk.fresh = scratch.met.count - first
            scratch.walk.step = .sketches
        } else {
            scratch.met.add(links, count: GraphLayout.links, below: nodes) { _ in }
            for index in first..<scratch.met.count {
                let node = Int(scratch.met.nodes[index])
                scratch.batch.append(node, row: numbers.row(node), rows)
            }
            scratch.walk.step = .codes
        }
        guard scratch.met.count == first else { return }
        if scratch.walk.isDraft {
            chooseDraft(from: scratch.walk.position, &scratch)
        } else {
            choose(from: scratch.walk.position, &scratch)
        }
    }

    /// Of the nodes that were just met those whose sketch is within `limit`, in `scratch.found` and `scratch.squares`.
    @inline(__always)
    private func compareSketches(_ sketches: Sketches, limit: Int32, _ scratch: inout SearchScratch) -> Int {
        let fresh = scratch.walk.fresh
        scratch.walk.computed += fresh
        return ek_squared_l2_s8_within(
            scratch.sketch, sketches.table.assumingMemoryBound(to: Int8.self),
            scratch.met.nodes + (scratch.met.count - fresh), fresh, limit, scratch.found, scratch.squares)
    }

    private func draft(_ scratch: inout SearchScratch) {
        guard let sketches else { return }
        let isFull = scratch.draft.count == scratch.draft.limit
        let limit = isFull ? SketchKey.square(scratch.draft[scratch.draft.count - 1]) : Int32.max
        let count = compareSketches(sketches, limit: limit, &scratch)
        var nearest = scratch.walk.position
        for index in 0..<count {
            nearest = min(
                nearest, scratch.draft.insert(SketchKey.make(scratch.squares[index], Int(scratch.found[index]))))
        }
        chooseDraft(from: nearest, &scratch)
    }

    /// Keeps those whose sketch says that they may be near enough.
    private func sift(_ scratch: inout SearchScratch) {
        guard let sketches else { return }
        let limit = scratch.walk.test.limit(scratch.farthestOfUse)
        let count = compareSketches(sketches, limit: limit, &scratch)
        guard count > 0 else {
            choose(from: scratch.walk.position, &scratch)
            return
        }
        for index in 0..<count {
            let node = Int(scratch.found[index])
            scratch.taken[index] = SketchKey.make(scratch.squares[index], node)
            scratch.batch.append(node, row: numbers.row(node), rows, scale: sketches.scale(node))
        }
        scratch.walk.step = .codes
    }

    /// Puts the nodes whose codes were asked for into the beam.
    private func insert(_ scratch: inout SearchScratch) {
        let count = scratch.batch.compare(scratch.query, stride: rows.codeStride)
        scratch.walk.computed += count
        var nearest = scratch.walk.position
        for index in 0..<count {
            let node = scratch.batch.number(index)
            let distance = scratch.batch.distance(index, scratch.query)
            var key = SortKey.make(distance, node)
            if sketches != nil {
                let taken = scratch.taken[index]
                // Followed in the draft.
                key |= taken & 1
                let place = scratch.beam.insert(key)
                if place < scratch.beam.limit {
                    nearest = min(nearest, place)
                    scratch.walk.test.learn(square: SketchKey.square(taken), distance: distance)
                }
            } else {
                nearest = min(nearest, scratch.beam.insert(key))
            }
            if let filter = scratch.walk.filter, matches(node, filter) { _ = scratch.matches.insert(key & ~1) }
        }
        if scratch.walk.taken < scratch.draft.count, sketches != nil {
            takeDraft(&scratch)
        } else {
            choose(from: nearest, &scratch)
        }
    }
}
