internal import Numerics

/// Memory that a search needs and the next one uses again; one a thread. It grows to what the largest search wanted.
package struct SearchScratch: ~Copyable {
    var query = CodedQuery()
    var exact = ExactQuery()
    var batch = CodeBatch()
    var visited = VisitedSet(count: 0)
    /// Nodes near the query, whether they match a filter or not; marked once their links were followed.
    var beam = SortedKeys()
    /// Nodes of a filtered walk, or rows of a scan, that may be in the answer.
    var matches = SortedKeys()
    /// The entries nearest to the query.
    var starts = SortedKeys()
    /// Rows to be compared on f32.
    var candidates = AlignedBuffer<UInt32>(repeating: 0, count: 0)
    var candidateCount = 0
    var nearest = NearestHeap()

    package init() {}

    mutating func reserveCandidates(_ count: Int) {
        candidateCount = 0
        if candidates.count < count { candidates = AlignedBuffer(repeating: 0, count: count) }
    }
}
