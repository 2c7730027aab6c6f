internal import Numerics

/// How the queries of one call are answered: the same for all of them.
struct SearchPlan {
    /// Up to so many rows are compared on f32 at once where there are no faithful sketches: that costs no more than a walk.
    static let exactLimit = 1000
    /// A walk to the best ef nodes computes some 12 ef distances, and a scan in ascending order does four in the time
    /// that a walk needs for one (measured on 200,000 and 1,000,000 vectors by code).
    static let walkedPerEf = 12
    static let scannedPerWalked = 4
    /// With faithful sketches the cells of the partition are scanned where the filter keeps fewer than one row in so many.
    static let cellsFrom = 2.0

    /// Neighbors of an answer.
    let k: Int
    /// Rows that may be in the answer; all if nil.
    let keeping: Bitmap?
    /// How many there are.
    let matching: Int
    let method: SearchReport.Method
    /// The nodes of ``keeping``, where the cells are scanned from the start.
    private let keptNodes: Bitmap?
    /// Nodes that a walk without a filter would keep.
    let wanted: Int
    /// Nodes that this walk keeps: as many more as rows are dropped by the filter.
    let beam: Int
    /// The best by code of which so many at most are compared on f32.
    let width: Int

    init(_ index: HNSWIndex, k: Int, ef: Int, keeping: Bitmap?) {
        let count = index.set.count
        precondition(keeping == nil || keeping?.count == count, "a filter of another number of rows")
        self.keeping = keeping
        matching = keeping?.population ?? count
        self.k = min(k, matching)
        wanted = min(max(ef, self.k), max(1, count))
        width = Self.reranked(self.k, ef: wanted)
        let dilution = Double(count) / Double(max(1, matching))
        beam = keeping == nil ? wanted : min(index.graphCount, Int(Double(wanted) * dilution * 1.2))
        let isFaithful = index.sketches?.basis.isFaithful ?? false
        if ef >= matching || matching <= (isFaithful ? 2 * wanted : Self.exactLimit) || index.graphCount == 0
            || self.k <= 0
        {
            method = .exact
        } else if isFaithful {
            method = dilution < Self.cellsFrom ? .graph : .scan
        } else if Double(matching) > Double(Self.scannedPerWalked * Self.walkedPerEf * wanted) * dilution {
            method = .graph
        } else {
            method = .scan
        }
        keptNodes =
            method == .scan && isFaithful ? keeping.map { rows in index.withGraph { $0.numbers.nodes(of: rows) } } : nil
    }

    /// Hands out the nodes of `range` whose rows may be in the answer.
    @inline(__always)
    func forEachKept(
        _ range: Range<Int>, _ filter: UnsafePointer<UInt64>?, _ graph: GraphRows, _ body: (Int) -> Void
    ) {
        if let keptNodes {
            guard !range.isEmpty else { return }
            for index in range.lowerBound >> 6...(range.upperBound - 1) >> 6 {
                var rest = keptNodes.words[index]
                while rest != 0 {
                    let node = index << 6 + rest.trailingZeroBitCount
                    rest &= rest &- 1
                    if range.contains(node) { body(node) }
                }
            }
        } else {
            for node in range {
                let row = graph.numbers.row(node)
                if filter.map({ $0[row >> 6] >> UInt64(row & 63) & 1 == 1 }) ?? true { body(node) }
            }
        }
    }

    /// How many of the best by code are compared on f32: the true top 10 are within the best 20 by code, the top 100
    /// within 120, in more than 99.9 of 100 cases of embeddings around zero. Vectors whose differences are small beside
    /// their length need more of them, and so a long beam re-ranks more.
    private static func reranked(_ k: Int, ef: Int) -> Int { max(k + max(10, k / 5), ef / 4) }
    /// The same for a scan, where more of them cost next to nothing.
    var scanReranked: Int { max(k + max(54, k / 2), width) }

    /// Lends the filter's words; nil without a filter.
    @inline(__always)
    func withFilter<R>(_ body: (UnsafePointer<UInt64>?) -> R) -> R {
        guard let keeping else { return body(nil) }
        return keeping.words.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
