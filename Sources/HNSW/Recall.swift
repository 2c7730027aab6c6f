internal import Numerics

/// How many of the true nearest neighbors a search finds.
package enum Recall {
    /// Beam lengths that ``smallestEf(for:k:target:samples:seed:threads:)`` tries.
    package static let ladder = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]

    /// What an ef that is chosen is to reach.
    package static let target = 0.99

    /// The share of the `k` nearest that `found` has. A row as near as the k-th of `truth` counts, whichever of equally
    /// near rows was taken. 1 where there is nothing to find.
    package static func recall(_ found: [Neighbor], truth: [Neighbor], k: Int) -> Double {
        let wanted = truth.prefix(k)
        guard let farthest = wanted.last else { return 1 }
        let hits = found.prefix(k).count { $0.distance <= farthest.distance }
        return Double(hits) / Double(wanted.count)
    }

    /// The mean of ``recall(_:truth:k:)`` over queries; 1 without any.
    package static func mean(_ found: [[Neighbor]], truth: [[Neighbor]], k: Int) -> Double {
        guard !found.isEmpty else { return 1 }
        return zip(found, truth).reduce(0) { $0 + recall($1.0, truth: $1.1, k: k) } / Double(found.count)
    }

    /// The smallest ef of the ladder whose recall@k on a sample of stored rows reaches `target`, for the caller to
    /// keep beside the graph; the last one if none does.
    ///
    /// A stored row finds itself; it is left out of both answers.
    ///
    /// - Complexity: `samples` exact searches, and as many walks a step of the ladder.
    package static func smallestEf(
        for index: HNSWIndex, k: Int = 10, target: Double = Recall.target, samples: Int = 200, seed: UInt64 = 1,
        threads: Int = Parallel.availableThreads
    ) -> (ef: Int, recall: Double) {
        do {
            return try smallestEf(
                for: index, k: k, target: target, samples: samples, seed: seed, threads: threads, watch: nil)
        } catch {
            preconditionFailure("nobody watches, so nobody stops it")
        }
    }

    /// The same, watched: told how many of the exact searches, by far the longest part, are done.
    ///
    /// - Throws: ``Stopped`` if `watch` says so.
    package static func smallestEf(
        for index: HNSWIndex, k: Int = 10, target: Double = Recall.target, samples: Int = 200, seed: UInt64 = 1,
        threads: Int,
        watch: BuildWatch?
    ) throws(Stopped) -> (ef: Int, recall: Double) {
        let set = index.set
        var random = SeededRandom(seed: seed)
        let sample = random.sample(samples, of: set.count)
        var queries = Matrix(rows: sample.count, columns: set.dimension)
        for (position, row) in sample.enumerated() {
            let vector = UnsafeBufferPointer(start: set.vectors.row(row, as: Float.self), count: set.dimension)
            queries.values.replaceSubrange(position * set.dimension..<(position + 1) * set.dimension, with: vector)
        }
        func others(_ answers: [[Neighbor]]) -> [[Neighbor]] {
            zip(answers, sample).map { answer, row in Array(answer.filter { $0.row != row }.prefix(k)) }
        }
        let counter = BuildWatch.Counter(watch, total: sample.count)
        var exact: [[Neighbor]] = []
        let step = 16
        for start in stride(from: 0, to: sample.count, by: step) {
            try counter.check()
            let rows = start..<min(sample.count, start + step)
            let part = Matrix(
                rows: rows.count, columns: set.dimension,
                values: Array(queries.values[rows.lowerBound * set.dimension..<rows.upperBound * set.dimension]))
            exact += ExactSearch.search(set, queries: part, k: k + 1, threads: threads)
            for _ in rows { try counter.step() }
        }
        let truth = others(exact)
        var last = (ef: ladder[0], recall: 0.0)
        for ef in ladder {
            try counter.check()
            let answers = index.search(queries: queries, k: k + 1, ef: ef, threads: threads)
            last = (ef, mean(others(answers.map(\.neighbors)), truth: truth, k: k))
            if last.recall >= target { break }
        }
        return last
    }
}
