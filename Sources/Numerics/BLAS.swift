internal import COpenBLAS
internal import Glibc

/// What the installed OpenBLAS is, and whether it computes rightly.
package enum BLAS {
    /// The kernel that OpenBLAS took for this CPU ("SkylakeX", "Haswell", …).
    package static var kernelName: String {
        guard let name = openblas_get_corename() else { return "unknown" }
        return String(cString: name)
    }

    /// Set once, before the first product: one BLAS thread inside, because the loops above are parallel over cells.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// c [m, n] = alpha * a [m, k] * b + beta * c, all row-major with rows `lda`, `ldb`, `ldc` floats apart.
    /// b is [k, n], or [n, k] where `transposeB` is set. One thread.
    package static func multiply(
        m: Int, n: Int, k: Int, alpha: Float = 1, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>,
        ldb: Int, transposeB: Bool = false, beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        guard m > 0, n > 0 else { return }
        precondition(
            lda >= k && ldc >= n && ldb >= (transposeB ? k : n) && max(m, n, k, lda, ldb, ldc) <= Int(Int32.max),
            "sizes of a matrix product do not fit")
        singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k),
            alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
    }

    /// What OpenBLAS takes for each thread that multiplies (128 MiB in 0.3 on x86-64, and a page).
    private static let bytesPerThread = 129 << 20

    /// Whether OpenBLAS can work here on so many threads: whether it gets its memory, without which it would ask for it
    /// for ever, and one small product against a plain loop. Some OpenBLAS versions choose a kernel that is wrong on
    /// newer CPUs; this finds it before it spoils embeddings.
    package static func selfCheck(threads: Int) throws(BLASError) {
        // Loops run on one thread at least; so many would take more addresses than there are.
        let bytes = min(max(1, threads), 1 << 24) * bytesPerThread
        // Address space alone: nothing is touched.
        let room = mmap(nil, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard room != MAP_FAILED else { throw .noMemory(bytes) }
        munmap(room, bytes)
        let (m, n, k) = (37, 45, 67)
        var random = SeededRandom(seed: 1)
        let a = (0..<m * k).map { _ in Float(random.normal()) }
        let b = (0..<n * k).map { _ in Float(random.normal()) }
        var worst: Double = 0
        for transposed in [false, true] {
            var c = [Float](repeating: .nan, count: m * n)
            multiply(
                m: m, n: n, k: k, a: a, lda: k, b: b, ldb: transposed ? k : n, transposeB: transposed, c: &c, ldc: n)
            for row in 0..<m {
                for column in 0..<n {
                    var sum = 0.0
                    for i in 0..<k {
                        sum += Double(a[row * k + i]) * Double(transposed ? b[column * k + i] : b[i * n + column])
                    }
                    let difference = (Double(c[row * n + column]) - sum).magnitude
                    worst = difference <= worst ? worst : difference
                }
            }
        }
        // 67 products of normal numbers: rounding stays below 1e-4 by two orders; NaN fails the comparison too.
        guard worst < 1e-4 else { throw .wrong(kernel: kernelName, difference: worst) }
    }
}
