internal import Numerics

/// A graph in the making: level 0 in memory that only its own steps write. Its nodes have the numbers of their rows until
/// it is finished.
final class GrowingGraph: @unchecked Sendable {
    private let rows: VectorRows
    private let parameters: HNSWParameters
    private let threads: Int
    private let selection: NeighborSelection
    private let level0: UnsafeMutablePointer<UInt32>
    private var owned: AlignedBuffer<UInt32>?
    private let level0Rows: BlockRows
    /// Of each row its own number.
    private let ownNumbers: AlignedBuffer<UInt32>
    private var numbering = Numbering(byEntry: [], entries: [])
    /// Links in use of each row.
    private var degrees: [UInt8]
    private var medoids: [UInt32] = []
    private var basis: SketchBasis?
    private var ownedSketches: AlignedBuffer<Int8>?
    private var sketches: Sketches?

    /// Room for all rows, no links yet.
    init(rows: VectorRows, parameters: HNSWParameters, threads: Int) {
        self.rows = rows
        self.parameters = parameters
        self.threads = threads
        selection = NeighborSelection(
            rows: rows, M: max(1, min(parameters.M, GraphLayout.links)), alpha: max(1, parameters.alpha),
            lift: InnerProductLift(rows: rows))
        let buffer = AlignedBuffer(repeating: GraphLayout.none, count: rows.count * GraphLayout.words)
        level0 = buffer.baseAddress
        owned = consume buffer
        level0Rows = HNSWGraph.rows(level0, stride: GraphLayout.stride, count: rows.count)
        ownNumbers = AlignedBuffer(repeating: 0, count: 2 * rows.count)
        for index in 0..<2 * rows.count { ownNumbers.baseAddress[index] = UInt32(index / 2) }
        degrees = [UInt8](repeating: 0, count: rows.count)
    }

    /// Takes over a stored graph; links that no builder wrote (out of range, to itself, twice) are dropped.
    ///
    /// - Returns: the rows of `entries`, each once.
    func copy(_ old: GraphRows, entries: [UInt32]) -> [UInt32] {
        for node in 0..<old.nodes {
            let links = old.links(node)
            let row = old.numbers.row(node)
            let copied = level0 + row * GraphLayout.words
            var degree = 0
            for slot in 0..<GraphLayout.links {
                if links[slot] == GraphLayout.none { break }
                guard Int(links[slot]) < old.nodes else { continue }
                let link = UInt32(old.numbers.row(Int(links[slot])))
                guard Int(link) != row else { continue }
                guard !UnsafeBufferPointer(start: copied, count: degree).contains(link) else { continue }
                copied[degree] = link
                degree += 1
            }
            // Where numbers are damaged, another node may have had this row.
            for slot in degree..<GraphLayout.links { copied[slot] = GraphLayout.none }
            degrees[row] = UInt8(degree)
        }
        var seen: Set<UInt32> = []
        return entries.map { UInt32(old.numbers.row(Int($0))) }.filter { seen.insert($0).inserted }
    }

    /// Hangs every row on the last one with the same code.
    ///
    /// - Parameter entries: loses rows that hang on others, which only a damaged graph has as entries.
    /// - Returns: the rows from `first` on that do not hang on others.
    func chainIdentical(after first: Int, entries: inout [UInt32]) -> [UInt32] {
        var groups = IdenticalRows(rows: rows)
        var fresh: [UInt32] = []
        var hanging = Bitmap(count: rows.count)
        for row in 0..<rows.count {
            if let previous = groups.add(row) {
                level0[previous * GraphLayout.words + GraphLayout.chain] = UInt32(row)
                hanging[row] = true
            } else if row >= first {
                fresh.append(UInt32(row))
            }
        }
        entries.removeAll { hanging[Int($0)] }
        return fresh
    }

    private func withGraph<R>(_ body: (GraphRows) -> R) -> R {
        level0Rows.withPointers { level0 in
            HNSWGraph.rows(ownNumbers.baseAddress, stride: NodeNumbers.stride, count: rows.count).withPointers {
                let numbers = NodeNumbers($0, nodes: rows.count)
                return body(
                    GraphRows(rows: rows, level0: level0, nodes: rows.count, numbers: numbers, sketches: sketches))
            }
        }
    }

    /// Sketches all rows; before the first of them is inserted.
    func sketch(_ basis: SketchBasis) {
        let buffer = AlignedBuffer<Int8>(repeating: 0, count: rows.count * SketchBasis.stride)
        nonisolated(unsafe) let (rows, base) = (rows, buffer.baseAddress)
        Parallel.forEach(rows.count, threads: threads, grain: 64, makeState: { CodedQuery() }) { query, row in
            basis.write(row, in: rows, &query, to: base + row * SketchBasis.stride)
        }
        ownedSketches = consume buffer
        self.basis = basis
        sketches = HNSWGraph.sketches(basis, base, count: rows.count)
    }

    /// Makes a stored row the query of a walk.
    private func setQuery(_ row: Int, _ scratch: inout SearchScratch) {
        selection.lift.set(row, &scratch.query, rows)
        if let sketches { scratch.sketch.update(from: sketches.sketch(row), count: SketchBasis.values) }
    }

    private func entryTable() -> EntryTable {
        withGraph { EntryTable(medoids: medoids, $0) }
    }

    /// Inserts the rows of `order`.
    ///
    /// - Parameters:
    ///   - medoids: the entry table. In an empty graph these are also the first of `order`.
    ///   - alreadyIn: rows in the graph.
    ///   - counter: takes a step for each of them.
    func insert(
        _ order: [UInt32], medoids: [UInt32], alreadyIn: Int, _ counter: BuildWatch.Counter
    ) throws(Stopped) {
        self.medoids = medoids
        let entries = entryTable()
        var incoming = IncomingLinks(nodes: rows.count)
        var done = 0
        while done < order.count {
            let batch = order[done..<min(order.count, done + max(1, (alreadyIn + done) / 20))]
            let entryCount = alreadyIn > 0 ? medoids.count : min(done, medoids.count)
            try link(batch, entries, entryCount, counter)
            for node in batch {
                let start = Int(node) * GraphLayout.words
                for slot in 0..<Int(degrees[Int(node)]) { incoming.add(from: node, to: level0[start + slot]) }
            }
            merge(incoming.grouped())
            incoming.removeAll()
            done = batch.endIndex
        }
    }

    /// A parallel loop costs more than a few nodes do.
    private func threads(for count: Int) -> Int { count < 32 ? 1 : threads }

    /// Every node of the batch searches the graph without the batch and keeps its own list.
    private func link(
        _ batch: ArraySlice<UInt32>, _ entries: EntryTable, _ entryCount: Int, _ counter: BuildWatch.Counter
    ) throws(Stopped) {
        try degrees.withUnsafeMutableBufferPointer { degrees throws(Stopped) in
            nonisolated(unsafe) let degrees = degrees
            try Parallel.forEach(
                batch.count, threads: threads(for: batch.count), grain: 8, makeState: { BuildScratch() }
            ) { (scratch: inout BuildScratch, index: Int) throws(Stopped) in
                try counter.step()
                let row = Int(batch[batch.startIndex + index])
                setQuery(row, &scratch.search)
                withGraph { graph in
                    graph.walk(entries, count: entryCount, ef: parameters.efConstruction, &scratch.search)
                }
                scratch.candidates.removeAll(keepingCapacity: true)
                for position in 0..<scratch.search.beam.count {
                    scratch.candidates.append(scratch.search.beam[position] & ~1)
                }
                selection.select(&scratch)
                write(scratch.kept, row, degrees)
            }
        }
    }

    private func write(_ links: [UInt32], _ row: Int, _ degrees: UnsafeMutableBufferPointer<UInt8>) {
        let start = level0 + row * GraphLayout.words
        for slot in 0..<GraphLayout.links { start[slot] = slot < links.count ? links[slot] : GraphLayout.none }
        degrees[row] = UInt8(links.count)
    }

    /// Every target takes the nodes that linked to it; a list that overflows is selected anew.
    private func merge(_ groups: [IncomingLinks.Group]) {
        degrees.withUnsafeMutableBufferPointer { degrees in
            nonisolated(unsafe) let degrees = degrees
            Parallel.forEach(
                groups.count, threads: threads(for: groups.count), grain: 16, makeState: { BuildScratch() }
            ) { scratch, index in
                let group = groups[index]
                let row = Int(group.target)
                let links = level0 + row * GraphLayout.words
                let degree = Int(degrees[row])
                if degree + group.sources.count <= selection.M {
                    for (slot, source) in group.sources.enumerated() { links[degree + slot] = source }
                    degrees[row] = UInt8(degree + group.sources.count)
                    return
                }
                scratch.candidates.removeAll(keepingCapacity: true)
                selection.addCandidates(UnsafeBufferPointer(start: links, count: degree), of: row, &scratch)
                group.sources.withUnsafeBufferPointer { selection.addCandidates($0, of: row, &scratch) }
                selection.select(&scratch)
                write(scratch.kept, row, degrees)
            }
        }
    }

    /// Links every node that no walk reaches from the nearest reachable one that has room. Where there is none the
    /// node becomes an entry: nothing that was linked is dropped for it.
    func connect() {
        var scratch = SearchScratch()
        var reached = Reachability(nodes: rows.count)
        withGraph { graph in
            for medoid in medoids { reached.visit(from: Int(medoid), graph) }
            let entries = entryTable()
            var next = reached.firstMissing(from: 0)
            while let row = next {
                setQuery(row, &scratch)
                graph.walk(entries, count: entries.nodes.count, ef: parameters.efConstruction, &scratch)
                let near = (0..<scratch.beam.count).map { SortKey.row(scratch.beam[$0]) }
                if let place = near.first(where: { degrees[$0] < UInt8(selection.M) && reached[$0] }) {
                    level0[place * GraphLayout.words + Int(degrees[place])] = UInt32(row)
                    degrees[place] += 1
                } else {
                    medoids.append(UInt32(row))
                }
                reached.visit(from: row, graph)
                next = reached.firstMissing(from: row + 1)
            }
        }
    }

    /// Chooses the nodes' final numbers; after the last link.
    func number() {
        let entries = entryTable()
        var nearest = [UInt32](repeating: 0, count: rows.count)
        nearest.withUnsafeMutableBufferPointer { nearest in
            nonisolated(unsafe) let nearest = nearest
            Parallel.forEach(rows.count, threads: threads, grain: 64, makeState: { SearchScratch() }) { scratch, row in
                setQuery(row, &scratch)
                nearest[row] = UInt32(entries.nearest(stride: rows.codeStride, &scratch) ?? 0)
            }
        }
        numbering = withGraph { Numbering(byEntry: nearest, entries: medoids, next: $0.nextIdentical) }
    }

    /// The finished graph, after ``number()``; the last call.
    func finish() -> HNSWGraph {
        guard let buffer = owned.take() else { preconditionFailure("a graph is finished once") }
        for index in 0..<rows.count * GraphLayout.words where level0[index] != GraphLayout.none {
            level0[index] = numbering.node(level0[index])
        }
        numbering.apply(to: level0, stride: GraphLayout.stride)
        let sketches = ownedSketches.take() ?? AlignedBuffer(repeating: 0, count: 0)
        if sketches.count > 0 { numbering.apply(to: sketches.baseAddress, stride: SketchBasis.stride) }
        return HNSWGraph(
            count: rows.count, medoids: medoids.map(numbering.node), level0: buffer, numbers: numbering.table(),
            basis: basis, sketches: sketches)
    }
}
