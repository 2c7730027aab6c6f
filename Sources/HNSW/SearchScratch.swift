internal import Numerics

/// Memory that a search needs and the next one uses again; one a thread. It grows to what the largest search wanted.
package struct SearchScratch: ~Copyable {
    var query = CodedQuery()
    var exact = ExactQuery()
    var batch = CodeBatch()
    var walk = WalkState()
    var met = MetNodes()
    /// Nodes near the query by their sketches, as ``SketchKey``s; marked once their links were followed.
    var draft = SortedKeys()
    /// Nodes near the query, whether they match a filter or not; marked once their links were followed.
    var beam = SortedKeys()
    /// Nodes of a filtered walk, or rows of a scan, that may be in the answer.
    var matches = SortedKeys()
    /// The entries nearest to the query.
    var starts = SortedKeys()
    var entrySquares = AlignedBuffer<EntryTable.Squares>(repeating: .zero, count: 0)
    /// Rows to be compared on f32.
    var candidates = AlignedBuffer<UInt32>(repeating: 0, count: 0)
    var candidateCount = 0
    var nearest = NearestHeap()

    private let sketchBuffer = AlignedBuffer<Int8>(repeating: 0, count: SketchBasis.stride)
    private let foundBuffer = AlignedBuffer<UInt32>(repeating: 0, count: CodeBatch.capacity)
    private let takenBuffer = AlignedBuffer<UInt64>(repeating: 0, count: CodeBatch.capacity)
    private let pickedBuffer = AlignedBuffer<UInt32>(repeating: 0, count: CodeBatch.capacity)
    private let squareBuffer = AlignedBuffer<Int32>(repeating: 0, count: CodeBatch.capacity)

    package init() {}

    /// The query's sketch. [SketchBasis.values]
    var sketch: UnsafeMutablePointer<Int8> { sketchBuffer.baseAddress }
    /// Square and node of those in `batch`, in their order.
    var taken: UnsafeMutablePointer<UInt64> { takenBuffer.baseAddress }
    /// Nodes whose sketches are to be compared.
    var picked: UnsafeMutablePointer<UInt32> { pickedBuffer.baseAddress }
    /// Nodes that passed by their sketch, and the squares of those.
    var found: UnsafeMutablePointer<UInt32> { foundBuffer.baseAddress }
    var squares: UnsafeMutablePointer<Int32> { squareBuffer.baseAddress }

    mutating func reserveCandidates(_ count: Int) {
        candidateCount = 0
        if candidates.count < count { candidates = AlignedBuffer(repeating: 0, count: count) }
    }

    /// A row farther away than this has no place, neither in the beam nor among the matches.
    @inline(__always)
    var farthestOfUse: Float {
        guard beam.count == beam.limit, beam.count > 0, matches.count == matches.limit else {
            return .greatestFiniteMagnitude
        }
        let farthest = SortKey.distance(beam[beam.count - 1])
        return matches.count == 0 ? farthest : max(farthest, SortKey.distance(matches[matches.count - 1]))
    }
}
