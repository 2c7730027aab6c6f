internal import CKernels
internal import Numerics

/// The medoids side by side: one sequential scan, of their sketches if there are some, else of their codes, finds where
/// a walk starts.
struct EntryTable: Sendable {
    let nodes: [UInt32]
    /// Of each entry the nodes to which it is the nearest: from it to the next entry, and all nodes in some cell.
    private let cells: [Range<Int>]
    private let sketches: [Int8]
    private let codes: [UInt8]
    private let scales: [Float]

    /// Entries that are no nodes of the graph are left out.
    init(medoids: [UInt32], _ graph: GraphRows) {
        let nodes = medoids.filter { Int($0) < graph.nodes }
        let set = graph.rows
        var sketches: [Int8] = []
        var codes: [UInt8] = []
        var scales: [Float] = []
        if let source = graph.sketches {
            sketches.reserveCapacity(nodes.count * SketchBasis.stride)
            for node in nodes {
                sketches.append(
                    contentsOf: UnsafeBufferPointer(start: source.sketch(Int(node)), count: SketchBasis.stride))
            }
        } else {
            codes.reserveCapacity(nodes.count * set.codeStride)
            for node in nodes {
                let row = graph.numbers.row(Int(node))
                codes.append(contentsOf: UnsafeBufferPointer(start: set.code(row), count: set.codeStride))
                scales.append(contentsOf: UnsafeBufferPointer(start: set.scale(row), count: 2))
            }
        }
        self.nodes = nodes
        let order = nodes.indices.sorted { nodes[$0] < nodes[$1] }
        var cells = [Range<Int>](repeating: 0..<graph.nodes, count: nodes.count)
        for (number, next) in zip(order, order.dropFirst()) {
            cells[number] = cells[number].lowerBound..<Int(nodes[next])
            cells[next] = Int(nodes[next])..<graph.nodes
        }
        self.cells = cells
        self.sketches = sketches
        self.codes = codes
        self.scales = scales
    }

    /// The nodes to which an entry is the nearest.
    @inline(__always)
    func cell(_ number: Int) -> Range<Int> { cells[number] }

    /// Squares that are looked at together.
    typealias Squares = SIMD8<Int32>

    /// The `limit` of the first `count` entries with the smallest squares, ascending, of a table with sketches; handed
    /// out as (square, number in the table).
    @inline(__always)
    func nearest(
        _ limit: Int, count: Int, _ query: UnsafePointer<Int8>, _ squares: inout AlignedBuffer<Squares>,
        _ keys: inout SortedKeys, _ body: (Int32, Int) -> Void
    ) {
        let count = min(count, nodes.count)
        let groups = (count + Squares.scalarCount - 1) / Squares.scalarCount
        if squares.count < groups { squares = AlignedBuffer(repeating: .zero, count: groups) }
        let group = squares.baseAddress
        group.withMemoryRebound(to: Int32.self, capacity: groups * Squares.scalarCount) { square in
            sketches.withUnsafeBufferPointer { ek_squared_l2_s8(query, $0.baseAddress, count, square) }
            for index in count..<groups * Squares.scalarCount { square[index] = .max }
        }
        keys.reset(limit: limit)
        var farthest = Int32.max
        for number in 0..<groups {
            // Most have none that is near enough.
            let isNear = group[number] .< Squares(repeating: farthest)
            guard any(isNear) else { continue }
            for lane in 0..<Squares.scalarCount where group[number][lane] < farthest {
                _ = keys.insert(SketchKey.make(group[number][lane], number * Squares.scalarCount + lane))
                if keys.count == limit { farthest = SketchKey.square(keys[limit - 1]) }
            }
        }
        for index in 0..<keys.count { body(SketchKey.square(keys[index]), SortKey.row(keys[index])) }
    }

    /// The square of an entry, after ``nearest(_:count:_:_:_:_:)`` of all of them.
    func square(_ number: Int, _ scratch: borrowing SearchScratch) -> Int32 {
        scratch.entrySquares.baseAddress[number / Squares.scalarCount][number % Squares.scalarCount]
    }

    /// The entry nearest to the query in `scratch`, by sketch or by code; nil if there is none.
    func nearest(stride: Int, _ scratch: inout SearchScratch) -> Int? {
        var nearest: Int?
        if sketches.isEmpty {
            var least = Float.infinity
            distances(count: nodes.count, stride: stride, scratch.query, &scratch.batch) { node, distance in
                if distance < least { (nearest, least) = (node, distance) }
            }
        } else {
            self.nearest(1, count: nodes.count, scratch.sketch, &scratch.entrySquares, &scratch.starts) {
                nearest = Int(nodes[$1])
            }
        }
        return nearest
    }

    /// Hands out (node, distance) of the first `count` entries, of a table without sketches.
    @inline(__always)
    func distances(
        count: Int, stride: Int, _ query: borrowing CodedQuery, _ batch: inout CodeBatch, _ body: (Int, Float) -> Void
    ) {
        codes.withUnsafeBufferPointer { codes in
            scales.withUnsafeBufferPointer { scales in
                guard let code = codes.baseAddress, let scale = scales.baseAddress else { return }
                for index in 0..<min(count, nodes.count) {
                    batch.append(Int(nodes[index]), code: code + index * stride, scale: scale + 2 * index)
                    if batch.isFull { batch.flush(query, stride: stride) { body($1, $2) } }
                }
                batch.flush(query, stride: stride) { body($1, $2) }
            }
        }
    }
}
