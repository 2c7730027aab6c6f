import Numerics
import Synchronization
import Testing

@Suite("Parallel loops")
struct ParallelTests {
    struct Stop: Error, Equatable { let index: Int }

    @Test("every index is done once, for any number of threads and any grain", arguments: [0, 1, 7, 100, 1001])
    func everyIndex(count: Int) {
        for threads in [1, 2, 5] {
            for grain in [1, 3, 64] {
                let done = Mutex([Int](repeating: 0, count: count))
                Parallel.forEach(count, threads: threads, grain: grain) { index in done.withLock { $0[index] += 1 } }
                #expect(done.withLock { $0 } == [Int](repeating: 1, count: count))
            }
        }
    }

    @Test("a thread keeps its state from index to index, and there are no more states than threads")
    func states() {
        let made = Atomic(0)
        let total = Atomic(0)
        Parallel.forEach(
            500, threads: 2,
            makeState: { () -> Int in
                made.add(1, ordering: .relaxed); return 0
            }
        ) {
            state, _ in
            state += 1
            if state == 1 { total.add(1, ordering: .relaxed) }
        }
        let (states, firsts) = (made.load(ordering: .relaxed), total.load(ordering: .relaxed))
        #expect(states >= 1 && states <= 2 && firsts <= states)
    }

    @Test("the first error is thrown and stops the loop", arguments: [1, 2])
    func errors(threads: Int) {
        let done = Atomic(0)
        #expect(throws: Stop.self) {
            try Parallel.forEach(1_000_000, threads: threads) { (index: Int) throws(Stop) in
                done.add(1, ordering: .relaxed)
                if index == 10 { throw Stop(index: index) }
            }
        }
        #expect(done.load(ordering: .relaxed) < 1_000_000)
    }
}
