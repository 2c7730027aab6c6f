internal import Numerics

/// Directions at right angles, by the power iteration on a block of them. [count, dimension], all in Double and in a
/// fixed order, so that every machine and any number of threads give the same.
struct OrthonormalRows {
    let count: Int
    private let dimension: Int
    private var values: [Double]

    /// Starts from anything.
    init(count: Int, dimension: Int, _ value: () -> Double) {
        self.count = count
        self.dimension = dimension
        values = (0..<count * dimension).map { _ in value() }
        orthonormalise()
    }

    subscript(row: Int, d: Int) -> Double { values[row * dimension + d] }

    var largest: Double { values.reduce(0) { max($0, $1.magnitude) } }

    /// One round: turns the span towards the principal directions of `data` [rows, dimension].
    mutating func improve(_ data: UnsafePointer<Double>, count rows: Int, threads: Int) {
        let (count, dimension) = (count, dimension)
        let projected = AlignedBuffer<Double>(repeating: 0, count: count * rows)
        nonisolated(unsafe) let (p, data) = (projected.baseAddress, data)
        values.withUnsafeMutableBufferPointer { values in
            nonisolated(unsafe) let values = values
            guard let base = values.baseAddress else { return }
            nonisolated(unsafe) let v = base
            Parallel.forEach(count, threads: threads) { direction in
                let v = v + direction * dimension
                for row in 0..<rows { p[direction * rows + row] = Self.dot(v, data + row * dimension, dimension) }
                for d in 0..<dimension { v[d] = 0 }
                for row in 0..<rows {
                    let (weight, x) = (p[direction * rows + row], data + row * dimension)
                    for d in 0..<dimension { v[d] += weight * x[d] }
                }
            }
        }
        orthonormalise()
    }

    /// Turns the directions at random within their span.
    mutating func mix(using random: inout SeededRandom) {
        var turn = OrthonormalRows(count: count, dimension: count) { random.uniform() - 0.5 }
        turn.orthonormalise()
        var mixed = [Double](repeating: 0, count: values.count)
        for row in 0..<count {
            for other in 0..<count {
                let weight = turn[row, other]
                for d in 0..<dimension { mixed[row * dimension + d] += weight * values[other * dimension + d] }
            }
        }
        values = mixed
    }

    /// Modified Gram–Schmidt, twice; a direction that depends on those before becomes zero.
    private mutating func orthonormalise() {
        let dimension = dimension
        values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<count {
                let v = base + row * dimension
                let before = Self.dot(v, v, dimension)
                for _ in 0..<2 {
                    for other in 0..<row {
                        let u = base + other * dimension
                        let share = Self.dot(u, v, dimension)
                        for d in 0..<dimension { v[d] -= share * u[d] }
                    }
                }
                let norm = Self.dot(v, v, dimension)
                let scale = norm > before * 1e-24 && norm > 0 ? 1 / norm.squareRoot() : 0
                for d in 0..<dimension { v[d] *= scale }
            }
        }
    }

    /// Four sums side by side.
    @inline(__always)
    private static func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ n: Int) -> Double {
        var sums = SIMD4<Double>()
        var d = 0
        while d + 4 <= n {
            sums += SIMD4(a[d], a[d + 1], a[d + 2], a[d + 3]) * SIMD4(b[d], b[d + 1], b[d + 2], b[d + 3])
            d += 4
        }
        var sum = (sums[0] + sums[2]) + (sums[1] + sums[3])
        while d < n {
            sum += a[d] * b[d]
            d += 1
        }
        return sum
    }
}
