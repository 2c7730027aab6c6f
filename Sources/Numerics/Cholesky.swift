/// L Lᵀ of a symmetric positive definite matrix, in Double.
package struct Cholesky: Sendable {
    private let n: Int
    /// L, row by row; what is above the diagonal is 0.
    private var lower: [Double]

    /// nil if the matrix is not positive definite. O(*n*³).
    ///
    /// - Parameter matrix: [n, n] row by row; what is above the diagonal is not read.
    package init?(_ matrix: [Double], count n: Int) {
        precondition(matrix.count == n * n, "not a square matrix")
        self.n = n
        lower = matrix
        let isDefinite = lower.withUnsafeMutableBufferPointer { lower in
            for row in 0..<n {
                for column in 0...row {
                    var sum = lower[row * n + column]
                    for index in 0..<column { sum -= lower[row * n + index] * lower[column * n + index] }
                    if column < row {
                        lower[row * n + column] = sum / lower[column * n + column]
                    } else {
                        guard sum > 0 else { return false }
                        lower[row * n + row] = sum.squareRoot()
                    }
                }
                for column in row + 1..<max(n, row + 1) { lower[row * n + column] = 0 }
            }
            return true
        }
        if !isDefinite { return nil }
    }

    /// ln det of the matrix.
    package var logDeterminant: Double { (0..<n).reduce(0) { $0 + 2 * logarithm(lower[$1 * n + $1]) } }

    /// L⁻¹ b. O(*n*²).
    package func halfSolved(_ b: [Double]) -> [Double] {
        precondition(b.count == n, "a vector of another length")
        var x = b
        for row in 0..<n {
            var sum = x[row]
            for index in 0..<row { sum -= lower[row * n + index] * x[index] }
            x[row] = sum / lower[row * n + row]
        }
        return x
    }

    /// A⁻¹ b. O(*n*²).
    package func solved(_ b: [Double]) -> [Double] {
        var x = halfSolved(b)
        for row in (0..<n).reversed() {
            var sum = x[row]
            for index in row + 1..<max(n, row + 1) { sum -= lower[index * n + row] * x[index] }
            x[row] = sum / lower[row * n + row]
        }
        return x
    }
}
