import Numerics
import Testing

@Suite("BLAS")
struct BLASTests {
    @Test("the installed kernel has a name")
    func name() { #expect(!BLAS.kernelName.isEmpty) }

    @Test("products agree with Double loops for odd shapes, row paddings, alpha, beta and a transposed b")
    func products() {
        var random = SeededRandom(seed: 8)
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 33, 65), (64, 1, 129), (1, 100, 3), (4, 4, 0)] {
            for transposed in [false, true] {
                let (lda, ldb, ldc) = (k + 2, (transposed ? k : n) + 3, n + 1)
                let a = (0..<m * lda).map { _ in Float(random.normal()) }
                let b = (0..<max(1, (transposed ? n : k) * ldb)).map { _ in Float(random.normal()) }
                let before = (0..<m * ldc).map { _ in Float(random.normal()) }
                var c = before
                BLAS.multiply(
                    m: m, n: n, k: k, alpha: 0.5, a: a, lda: lda, b: b, ldb: ldb, transposeB: transposed, beta: 2,
                    c: &c, ldc: ldc)
                for row in 0..<m {
                    for column in 0..<ldc {
                        let index = row * ldc + column
                        guard column < n else {
                            #expect(c[index] == before[index], "padding stays")
                            continue
                        }
                        var sum = 0.0
                        for i in 0..<k {
                            let factor = transposed ? b[column * ldb + i] : b[i * ldb + column]
                            sum += Double(a[row * lda + i]) * Double(factor)
                        }
                        let expected = 0.5 * sum + 2 * Double(before[index])
                        #expect((Double(c[index]) - expected).magnitude < 1e-4)
                    }
                }
            }
        }
    }
}
