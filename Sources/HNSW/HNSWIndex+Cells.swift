internal import CKernels
internal import Numerics

/// The scan of a filter's rows where sketches are faithful: cell by cell of the partition that the entries make, in the
/// order of the entries' distances, as inverted files do (Jégou, Douze and Schmid 2011).
extension HNSWIndex {
    /// Cells that are put in order. A scan that needs more of them takes the rest as they come.
    private static let ordered = 64
    /// A cell is left out if the square of its entry's sketch is so many times that of the farthest node in the draft.
    private static let reach: Float = 2
    /// Nodes of several cells are compared together.
    private static let together = 16

    /// Leaves in `scratch.beam` the best by code of the best by sketch whose rows the filter keeps, as many as a walk
    /// would take; returns the distances computed.
    func scanCells(
        _ plan: SearchPlan, _ filter: UnsafePointer<UInt64>?, _ graph: GraphRows, _ sketches: Sketches,
        _ scratch: inout SearchScratch
    ) -> Int {
        sketches.basis.encode(scratch.query, stride: set.codeStride, scratch.sketch)
        scratch.draft.reset(limit: plan.wanted + plan.k / 2)
        entries.nearest(
            Self.ordered, count: entries.nodes.count, scratch.sketch, &scratch.entrySquares, &scratch.starts
        ) { _, _ in }
        var (picked, computed) = (0, entries.nodes.count)
        func compare() {
            let found = ek_squared_l2_s8_within(
                scratch.sketch, sketches.table.assumingMemoryBound(to: Int8.self), scratch.picked, picked,
                Self.farthest(scratch), scratch.found, scratch.squares)
            for index in 0..<found {
                _ = scratch.draft.insert(SketchKey.make(scratch.squares[index], Int(scratch.found[index])))
            }
            computed += picked
            picked = 0
        }
        func scan(_ cell: Range<Int>) {
            plan.forEachKept(cell, filter, graph) { node in
                scratch.picked[picked] = UInt32(truncatingIfNeeded: node)
                ek_prefetch_line(sketches.sketch(node))
                picked += 1
                if picked == CodeBatch.capacity { compare() }
            }
            if picked >= Self.together { compare() }
        }
        var isDone = false
        for position in 0..<scratch.starts.count {
            if Self.isOutOfReach(SketchKey.square(scratch.starts[position]), scratch) {
                isDone = true
                break
            }
            scan(entries.cell(SortKey.row(scratch.starts[position])))
        }
        if !isDone, scratch.starts.count > 0 {
            let farthest = scratch.starts[scratch.starts.count - 1]
            for number in entries.nodes.indices {
                let square = entries.square(number, scratch)
                guard SketchKey.make(square, number) > farthest, !Self.isOutOfReach(square, scratch) else { continue }
                scan(entries.cell(number))
            }
        }
        if picked > 0 { compare() }
        graph.compareDraft(width: max(plan.wanted, plan.width), &scratch)
        return computed + scratch.walk.computed
    }

    /// The square above which no sketch has a place in the draft.
    private static func farthest(_ scratch: borrowing SearchScratch) -> Int32 {
        scratch.draft.count == scratch.draft.limit ? SketchKey.square(scratch.draft[scratch.draft.count - 1]) : .max
    }

    private static func isOutOfReach(_ square: Int32, _ scratch: borrowing SearchScratch) -> Bool {
        let farthest = farthest(scratch)
        return farthest < .max && Float(square) > reach * Float(farthest)
    }
}
