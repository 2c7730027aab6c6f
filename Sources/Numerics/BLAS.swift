internal import COpenBLAS

/// The installed OpenBLAS.
package enum BLAS {
    /// The kernel that OpenBLAS took for this CPU ("SkylakeX", "Haswell", …).
    package static var kernelName: String {
        guard let name = openblas_get_corename() else { return "unknown" }
        return String(cString: name)
    }

    /// Set once, before the first product: one BLAS thread inside, because the loops above are parallel over cells.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// c [m, n] = alpha * a * b + beta * c, all row-major with rows `lda`, `ldb`, `ldc` floats apart. a is [m, k], or
    /// [k, m] where `transposeA` is set; b is [k, n], or [n, k] where `transposeB` is set. One thread.
    package static func multiply(
        m: Int, n: Int, k: Int, alpha: Float = 1, a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
        b: UnsafePointer<Float>, ldb: Int, transposeB: Bool = false, beta: Float = 0, c: UnsafeMutablePointer<Float>,
        ldc: Int
    ) {
        guard m > 0, n > 0 else { return }
        precondition(
            lda >= (transposeA ? m : k) && ldc >= n && ldb >= (transposeB ? k : n)
                && max(m, n, k, lda, ldb, ldc) <= Int(Int32.max),
            "sizes of a matrix product do not fit")
        singleThreaded
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m),
            blasint(n), blasint(k),
            alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
    }
}
