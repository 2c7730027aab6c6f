package import Numerics

extension HNSWIndex {
    /// Walks that a thread has in hand: while one waits for memory, the others go on. More than a few of them would
    /// push one another's rows out of the cache.
    private static let inFlight = 3
    /// Queries that a thread takes at once.
    private static let grain = 32

    /// Every row of `queries` [count, dimension], in parallel; the same answers as one by one.
    package func search(
        queries: Matrix, k: Int, ef: Int, keeping: Bitmap? = nil, threads: Int = Parallel.availableThreads
    ) -> [SearchResult] {
        precondition(queries.rows == 0 || queries.columns == set.dimension, "queries of another dimension")
        let plan = SearchPlan(self, k: k, ef: ef, keeping: keeping)
        let order = order(of: queries, plan, threads: threads)
        var answers = [SearchResult](repeating: .nothing, count: queries.rows)
        // Few queries for each thread are better shared out one by one.
        let grain = max(1, min(Self.grain, queries.rows / max(1, threads)))
        answers.withUnsafeMutableBufferPointer { answers in
            nonisolated(unsafe) let answers = answers
            Parallel.forEach(
                (queries.rows + grain - 1) / grain, threads: threads, makeState: { ScratchGroup(count: Self.inFlight) }
            ) { (group: inout ScratchGroup, chunk: Int) in
                let chunk = order[chunk * grain..<min(queries.rows, (chunk + 1) * grain)]
                search(queries, chunk, plan, group) { answers[$0] = $1 }
            }
        }
        return answers
    }

    /// The queries `numbers`, several in flight; hands out each answer with its query's number.
    private func search(
        _ queries: Matrix, _ numbers: ArraySlice<Int>, _ plan: SearchPlan, _ group: borrowing ScratchGroup,
        _ answer: (Int, SearchResult) -> Void
    ) {
        withGraph { graph in
            queries.values.withUnsafeBufferPointer { values in
                plan.withFilter { filter in
                    guard let base = values.baseAddress else { return }
                    var next = numbers.startIndex
                    /// The queries of the scratches in use, which are the first ones.
                    var active: [Int] = []
                    func begin(_ slot: Int) {
                        self.begin(base + numbers[next] * queries.columns, plan, filter, graph, &group[slot])
                        next += 1
                    }
                    while active.count < group.count, next < numbers.endIndex {
                        active.append(numbers[next])
                        begin(active.count - 1)
                    }
                    while !active.isEmpty {
                        var slot = 0
                        while slot < active.count {
                            if graph.advance(&group[slot]) {
                                slot += 1
                                continue
                            }
                            answer(active[slot], finish(plan, filter, graph, &group[slot]))
                            if next < numbers.endIndex {
                                active[slot] = numbers[next]
                                begin(slot)
                                slot += 1
                            } else {
                                group.swap(slot, active.count - 1)
                                active.swapAt(slot, active.count - 1)
                                active.removeLast()
                            }
                        }
                    }
                }
            }
        }
    }
}
