internal import Numerics

/// What the genes' vectors in the model say about means that few observations, or none, tell: a Gaussian process whose
/// covariance is t (f K + (1 − f) I), K the cosines of the centred token embeddings (Rasmussen and Williams 2006, chapter 2;
/// f and t by marginal likelihood, section 5.4).
///
/// K is of no higher rank than vectors have dimensions, d: everything is computed in these.
package struct GenePrior {
    /// [genes][d], of length 1.
    private let vectors: [[Double]]
    private let dimension: Int

    /// Shares of K, and parts of the observed variance, that are tried.
    private static let shares = [0.3, 0.6, 0.9]
    private static let parts = [0.1, 0.3, 0.6, 1]

    /// - Parameter embeddings: a gene's vector in the model.
    package init(_ embeddings: [[Float]]) {
        dimension = embeddings.first?.count ?? 0
        var middle = [Double](repeating: 0, count: dimension)
        for vector in embeddings { for (index, value) in vector.enumerated() { middle[index] += Double(value) } }
        vectors = embeddings.map { vector in
            let centred = zip(vector, middle).map { Double($0) - $1 / Double(embeddings.count) }
            let norm = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return centred.map { $0 / max(norm, 1e-12) }
        }
    }

    /// Means of all genes, and the variances of what is not known of them.
    ///
    /// - Parameters:
    ///   - observed: a gene's observed mean with the variance of its error; nil for a gene that was not observed.
    /// - Complexity: O(genes d² + d³), twelve times.
    package func posterior(
        _ observed: [(mean: Double, error: Double)?]
    ) -> (means: [Double], variances: [Double]) {
        let places = observed.indices.filter { observed[$0] != nil }
        let values = places.map { observed[$0]?.mean ?? 0 }
        let errors = places.map { observed[$0]?.error ?? 0 }
        let middle = values.reduce(0, +) / Double(max(1, values.count))
        let variance =
            values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(max(1, values.count - 1))
        guard places.count > 2, variance > 0 else {
            return (
                observed.map { $0?.mean ?? middle }, observed.map { $0 == nil ? max(variance, 0) : $0?.error ?? 0 }
            )
        }
        let centred = values.map { $0 - middle }
        var best: Solution?
        for share in Self.shares {
            for part in Self.parts {
                guard let solution = Solution(self, places, centred, errors, share: share, scale: part * variance)
                else { continue }
                if solution.logLikelihood > best?.logLikelihood ?? -.infinity { best = solution }
            }
        }
        guard let best else {
            return (observed.map { $0?.mean ?? middle }, observed.map { $0?.error ?? variance })
        }
        var means = [Double](repeating: middle, count: observed.count)
        var variances = [Double](repeating: variance, count: observed.count)
        var place = 0
        for gene in observed.indices {
            let number = observed[gene] == nil ? nil : place
            if number != nil { place += 1 }
            let (mean, variance) = best.posterior(vectors[gene], observation: number)
            means[gene] += mean
            variances[gene] = variance
        }
        return (means, variances)
    }

    /// The process for one share and scale: θ = X w + e with w ~ N(0, t f), e ~ N(0, t (1 − f)).
    private struct Solution {
        let logLikelihood: Double
        private let common: Double
        private let own: Double
        private let weights: [Double]
        private let factor: Cholesky
        private let residuals: [Double]
        private let errors: [Double]

        /// nil where the numbers are too far apart to be solved.
        init?(
            _ prior: GenePrior, _ places: [Int], _ values: [Double], _ errors: [Double], share: Double, scale: Double
        ) {
            let d = prior.dimension
            let (common, own) = (share * scale, (1 - share) * scale)
            (self.common, self.own) = (common, own)
            // (X Xᵀ common + D)⁻¹ by the d dimensions (Woodbury): A = I / common + Xᵀ D⁻¹ X.
            var matrix = [Double](repeating: 0, count: d * d)
            var right = [Double](repeating: 0, count: d)
            let diagonal = errors.map { own + $0 }
            matrix.withUnsafeMutableBufferPointer { matrix in
                for (number, gene) in places.enumerated() {
                    let inverse = 1 / diagonal[number]
                    prior.vectors[gene].withUnsafeBufferPointer { x in
                        for row in 0..<d {
                            let scaled = x[row] * inverse
                            right[row] += scaled * values[number]
                            for column in 0...row { matrix[row * d + column] += scaled * x[column] }
                        }
                    }
                }
                for row in 0..<d { matrix[row * d + row] += 1 / common }
            }
            guard let factor = Cholesky(matrix, count: d) else { return nil }
            self.factor = factor
            self.errors = errors
            let weights = factor.solved(right)
            self.weights = weights
            residuals = places.enumerated().map { number, gene in
                values[number] - zip(prior.vectors[gene], weights).reduce(0) { $0 + $1.0 * $1.1 }
            }
            // yᵀ (C + N)⁻¹ y = yᵀ D⁻¹ (y − X w); det by the matrix determinant lemma.
            let fit = zip(zip(values, residuals), diagonal).reduce(0) { $0 + $1.0.0 * $1.0.1 / $1.1 }
            let determinant =
                diagonal.reduce(0) { $0 + logarithm($1) } + factor.logDeterminant + Double(d) * logarithm(common)
            logLikelihood = -(fit + determinant) / 2
        }

        /// - Parameter observation: the number of the gene's observation; nil without one.
        func posterior(_ x: [Double], observation: Int?) -> (mean: Double, variance: Double) {
            let shared = zip(x, weights).reduce(0) { $0 + $1.0 * $1.1 }
            let spread = factor.halfSolved(x).reduce(0) { $0 + $1 * $1 }
            guard let observation else { return (shared, own + spread) }
            let error = errors[observation]
            let diagonal = own + error
            // Of C − C (C + N)⁻¹ C = N − N (C + N)⁻¹ N.
            return (
                shared + own / diagonal * residuals[observation],
                max(0, error - error * error * (1 / diagonal - spread / (diagonal * diagonal)))
            )
        }
    }
}
