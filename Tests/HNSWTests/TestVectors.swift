import HNSW
import Numerics

/// Vectors in memory with their codes, as a store would lend them; rows lie in blocks of `rowsPerBlock`.
final class TestVectors {
    let set: VectorSet
    let values: Matrix
    private let vectors: AlignedBuffer<Float>
    private let codes: AlignedBuffer<UInt8>
    private let scales: AlignedBuffer<Float>

    /// The first `count` rows of `values`; all of them if nil.
    init(_ values: Matrix, metric: Metric, count: Int? = nil, rowsPerBlock: Int = 256) {
        let count = count ?? values.rows
        let dimension = values.columns
        let stride = CodeQuantizer.codeStride(dimension: dimension)
        self.values = values
        vectors = AlignedBuffer(repeating: 0, count: count * dimension)
        codes = AlignedBuffer(repeating: 0, count: count * stride)
        scales = AlignedBuffer(repeating: 0, count: count * CodeQuantizer.scaleFloats)
        for index in 0..<count * dimension { vectors.baseAddress[index] = values.values[index] }
        for row in 0..<count {
            CodeQuantizer.encode(
                vectors.baseAddress + row * dimension, dimension: dimension, metric: metric,
                code: codes.baseAddress + row * stride, scale: scales.baseAddress + row * 2)
        }
        func rows(_ base: UnsafeRawPointer, _ stride: Int) -> BlockRows {
            let blocks = (count + rowsPerBlock - 1) / rowsPerBlock
            return BlockRows(
                blocks: (0..<blocks).map { base + $0 * rowsPerBlock * stride }, rowsPerBlock: rowsPerBlock,
                stride: stride, count: count)
        }
        set = VectorSet(
            metric: metric, dimension: dimension, vectors: rows(vectors.baseAddress, dimension * 4),
            codes: rows(codes.baseAddress, stride), codeScales: rows(scales.baseAddress, CodeQuantizer.scaleStride))
    }

    /// The `k` nearest rows of `query` by a plain loop in Double.
    func bruteForce(_ query: ArraySlice<Float>, k: Int, keeping: Bitmap? = nil) -> [(row: Int, distance: Double)] {
        let q = query.map(Double.init)
        let all = (0..<set.count).filter { keeping?[$0] ?? true }.map { row in
            let x = values[row: row].map(Double.init)
            let dot = zip(q, x).reduce(0) { $0 + $1.0 * $1.1 }
            switch set.metric {
            case .ip: return (row: row, distance: -dot)
            case .l2:
                return (row: row, distance: zip(q, x).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot())
            case .cosine:
                let norms = (q.reduce(0) { $0 + $1 * $1 } * x.reduce(0) { $0 + $1 * $1 }).squareRoot()
                return (row: row, distance: norms > 0 ? 1 - dot / norms : 1)
            }
        }
        return Array(all.sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }.prefix(k))
    }
}

/// Vectors as encoders of cells make them: types of unequal size on low-dimensional sheets in one curved space, some
/// cells between two types, a common direction, lengths that vary, and noise.
enum CellLike {
    static let types = 40

    struct Cells {
        var vectors: Matrix
        var types: [Int]
    }

    static func make(_ count: Int, dimension: Int, seed: UInt64) -> Cells {
        let (latent, hidden, inner) = (24, 96, 16)
        var shape = SeededRandom(seed: 20_261_122)
        func normals(_ n: Int, _ scale: Double, _ random: inout SeededRandom) -> [Float] {
            (0..<n).map { _ in Float(random.normal() * scale) }
        }
        let first = normals(latent * hidden, 1 / Double(latent).squareRoot(), &shape)
        let second = normals(hidden * dimension, 1.5 / Double(hidden).squareRoot(), &shape)
        let mean = normals(dimension, 0.075, &shape)
        let parents = normals(10 * latent, 1.3, &shape)
        var centres = normals(types * latent, 1.04, &shape)
        for index in centres.indices { centres[index] += 0.75 * parents[index / latent % 10 * latent + index % latent] }
        var sheets: [[Float]] = []
        for _ in 0..<types {
            sheets.append(
                (0..<inner).flatMap { j in
                    normals(latent, 0.55 / (Double(j + 1).squareRoot() * Double(latent).squareRoot()) * 1.8, &shape)
                })
        }
        let weights = (0..<types).map { 1 / Double($0 + 3) }
        let total = weights.reduce(0, +)
        var random = SeededRandom(seed: seed)
        var cells = Cells(vectors: Matrix(rows: count, columns: dimension), types: [])
        var h = [Float](repeating: 0, count: hidden)
        for row in 0..<count {
            func draw() -> Int {
                var left = random.uniform() * total
                return weights.firstIndex {
                    left -= $0; return left < 0
                } ?? types - 1
            }
            func point(_ type: Int) -> [Float] {
                var z = Array(centres[type * latent..<(type + 1) * latent])
                for j in 0..<inner {
                    let n = Float(random.normal())
                    for i in 0..<latent { z[i] += n * sheets[type][j * latent + i] }
                }
                return z
            }
            let type = draw()
            var z = point(type)
            if random.uniform() < 0.06 {
                let (other, share) = (point((type + 10) % types), Float(random.uniform()))
                for i in 0..<latent { z[i] = (1 - share) * z[i] + share * other[i] }
            }
            for j in 0..<hidden { h[j] = 0 }
            for i in 0..<latent { for j in 0..<hidden { h[j] += z[i] * first[i * hidden + j] } }
            for j in 0..<hidden { h[j] = squash(h[j]) }
            let length = 1 + 0.15 * Float(random.normal())
            cells.vectors.values.withUnsafeMutableBufferPointer { values in
                let x = values.baseAddress! + row * dimension
                for j in 0..<hidden { for d in 0..<dimension { x[d] += h[j] * second[j * dimension + d] } }
                for d in 0..<dimension {
                    // Uniform noise of the same spread; a normal one would take most of the time.
                    let noise = Float(random.uniform() - 0.5) * 0.1
                    x[d] = length * (squash(x[d]) + mean[d]) + noise
                }
            }
            cells.types.append(type)
        }
        return cells
    }

    /// A sigmoid between −1 and 1, near enough to tanh.
    private static func squash(_ x: Float) -> Float { x / (1 + x * x).squareRoot() }
}
