internal import Numerics

/// What the entry table and the sketches are made from: k-means on codes (spherical under cosine), on a sample of 64
/// rows a cluster; Lloyd's algorithm, six rounds.
struct Clusters {
    private static let rounds = 6
    private static let rowsPerCluster = 64

    /// Of every cluster the row nearest to its centre.
    let medoids: [UInt32]
    private let sample: [UInt32]
    /// ``SortKey``s of the centre nearest to each row of the sample.
    private let keys: [UInt64]
    private let centres: Centres

    /// Makes up to `count` clusters of `candidates` (ascending, no two with the same code). The same for any `threads`.
    init(_ count: Int, of candidates: [UInt32], in rows: VectorRows, seed: UInt64, threads: Int) {
        var random = SeededRandom(seed: seed)
        let sample = random.sample(count * Self.rowsPerCluster, of: candidates.count).map { candidates[$0] }
        let clusters = min(count, sample.count)
        var centres = Centres(clusters: clusters, rows: rows)
        for (cluster, position) in random.sample(clusters, of: sample.count).enumerated() {
            centres.set(cluster, to: Int(sample[position]), in: rows)
        }
        var keys = centres.assign(sample, in: rows, threads: threads)
        for _ in 1..<Self.rounds {
            centres.update(sample, keys, in: rows, threads: threads)
            keys = centres.assign(sample, in: rows, threads: threads)
        }
        var nearest = [UInt64](repeating: .max, count: clusters)
        for (row, key) in zip(sample, keys) {
            let cluster = SortKey.row(key)
            nearest[cluster] = min(nearest[cluster], SortKey.make(SortKey.distance(key), Int(row)))
        }
        medoids = nearest.filter { $0 != .max }.map { UInt32(SortKey.row($0)) }
        (self.sample, self.keys, self.centres) = (sample, keys, centres)
    }

    /// Rows that a basis is learned from; 64 directions need no more.
    private static let basisSample = 4096

    /// nil where the vectors are too short to have one.
    func sketchBasis(in rows: VectorRows, seed: UInt64, threads: Int) -> SketchBasis? {
        let step = max(1, sample.count / Self.basisSample)
        let positions = Array(stride(from: 0, to: sample.count, by: step))
        let chosen = positions.map { sample[$0] }
        let basis = SketchBasis(of: chosen, in: rows, seed: seed, threads: threads) { index, centre in
            centres.decode(SortKey.row(keys[positions[index]]), to: centre)
        }
        guard basis.isPossible else { return nil }
        return basis.judged(on: chosen, in: rows, threads: threads)
    }
}

/// Cluster centres as codes, compared as rows are. Inner products have no clusters; their rows are compared by l2.
private struct Centres {
    private let clusters: Int
    private let stride: Int
    private let dimension: Int
    private let metric: Metric
    private var codes: [UInt8]
    private var scales: [Float]

    init(clusters: Int, rows: VectorRows) {
        self.clusters = clusters
        stride = rows.codeStride
        dimension = rows.dimension
        metric = rows.metric == .cosine ? .cosine : .l2
        codes = [UInt8](repeating: 128, count: clusters * stride)
        scales = [Float](repeating: 0, count: clusters * 2)
    }

    mutating func set(_ cluster: Int, to row: Int, in rows: VectorRows) {
        for byte in 0..<stride { codes[cluster * stride + byte] = rows.code(row)[byte] }
        scales[2 * cluster] = rows.scale(row)[0]
        scales[2 * cluster + 1] = rows.scale(row)[1]
    }

    /// Writes a centre's values. [dimension]
    func decode(_ cluster: Int, to values: UnsafeMutablePointer<Double>) {
        let scale = Double(scales[2 * cluster])
        for d in 0..<dimension { values[d] = scale * Double(Int(codes[cluster * stride + d]) - 128) }
    }

    /// For every row of the sample a ``SortKey`` of the nearest centre (ties to the first).
    func assign(_ sample: [UInt32], in rows: VectorRows, threads: Int) -> [UInt64] {
        var keys = [UInt64](repeating: .max, count: sample.count)
        nonisolated(unsafe) let rows = rows
        keys.withUnsafeMutableBufferPointer { keys in
            nonisolated(unsafe) let keys = keys
            Parallel.forEach(sample.count, threads: threads, grain: 64, makeState: { SearchScratch() }) {
                scratch, index in
                let row = Int(sample[index])
                scratch.query.set(
                    code: rows.code(row), scale: rows.scale(row)[0], term: rows.scale(row)[1], metric: metric,
                    stride: stride)
                var best = UInt64.max
                codes.withUnsafeBufferPointer { codes in
                    scales.withUnsafeBufferPointer { scales in
                        guard let code = codes.baseAddress, let scale = scales.baseAddress else { return }
                        for cluster in 0..<clusters {
                            scratch.batch.append(
                                cluster, code: code + cluster * stride, scale: scale + 2 * cluster)
                            if scratch.batch.isFull || cluster == clusters - 1 {
                                scratch.batch.flush(scratch.query, stride: stride) {
                                    best = min(best, SortKey.make($2, $1))
                                }
                            }
                        }
                    }
                }
                keys[index] = best
            }
        }
        return keys
    }

    /// Moves every centre to the mean of its rows, decoded; one without rows stays where it is.
    mutating func update(_ sample: [UInt32], _ keys: [UInt64], in rows: VectorRows, threads: Int) {
        var members = [[UInt32]](repeating: [], count: clusters)
        for (row, key) in zip(sample, keys) { members[SortKey.row(key)].append(row) }
        nonisolated(unsafe) let rows = rows
        let (dimension, stride, metric, groups) = (dimension, stride, metric, members)
        codes.withUnsafeMutableBufferPointer { codes in
            scales.withUnsafeMutableBufferPointer { scales in
                nonisolated(unsafe) let codes = codes
                nonisolated(unsafe) let scales = scales
                Parallel.forEach(groups.count, threads: threads) { cluster in
                    guard !groups[cluster].isEmpty, let code = codes.baseAddress, let scale = scales.baseAddress
                    else { return }
                    var mean = [Float](repeating: 0, count: dimension)
                    mean.withUnsafeMutableBufferPointer { mean in
                        for row in groups[cluster] {
                            let (values, factor) = (rows.code(Int(row)), rows.scale(Int(row))[0])
                            for d in 0..<dimension { mean[d] += factor * Float(Int32(values[d]) - 128) }
                        }
                        let share = 1 / Float(groups[cluster].count)
                        for d in 0..<dimension { mean[d] *= share }
                    }
                    CodeQuantizer.encode(
                        mean, dimension: dimension, metric: metric, code: code + cluster * stride,
                        scale: scale + 2 * cluster)
                }
            }
        }
    }
}
