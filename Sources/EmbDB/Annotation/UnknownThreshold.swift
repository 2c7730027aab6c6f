internal import HNSW
internal import Numerics

/// From which distance on the nearest stored cell says little: learnt from the database itself.
enum UnknownThreshold {
    /// Stored cells that are looked at.
    private static let sample = 2000
    private static let percentile = 0.99

    /// The 99th percentile of the distances of up to 2,000 stored cells, drawn by `seed`, to the nearest other one; nil
    /// for fewer than two cells.
    static func learn(
        _ snapshot: Snapshot, keeping: Bitmap?, seed: UInt64, ef: Int, threads: Int, control: Control
    ) throws -> Float? {
        let live = snapshot.live.rows
        guard live.count > 1 else { return nil }
        var random = SeededRandom(seed: seed)
        let rows = random.sample(sample, of: live.count).map { live[$0] }
        var distances: [Float] = []
        let step = 256
        for start in stride(from: 0, to: rows.count, by: step) {
            try control.checkCancelled("stopped; nothing was written")
            let part = Array(rows[start..<min(rows.count, start + step)])
            let queries = ResolvedQueries(rows: part, set: snapshot.set)
            let found = snapshot.index.search(
                queries: queries.vectors, k: 2, ef: ef, keeping: keeping, threads: threads)
            for (row, result) in zip(part, found) {
                if let other = result.neighbors.first(where: { $0.row != row }) { distances.append(other.distance) }
            }
            control.progress(
                .init(unit: "cells", phase: "learning distances", done: start + part.count, total: rows.count))
        }
        distances.sort()
        // The smallest that so large a share does not exceed.
        let rank = Int((percentile * Double(distances.count)).rounded(.up))
        return distances.isEmpty ? nil : distances[max(0, rank - 1)]
    }
}
