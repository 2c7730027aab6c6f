/// Why products of OpenBLAS cannot be had here.
package enum BLASError: Error, Sendable, CustomStringConvertible {
    /// A wrong product on this CPU: the kernel that OpenBLAS took, and the largest difference from a plain loop, NaN if
    /// the product was not even a number.
    case wrong(kernel: String, difference: Double)
    /// The system refuses so many bytes of address space.
    case noMemory(Int)

    /// One line: what is wrong (where): what to do.
    package var description: String {
        switch self {
        case .wrong(let kernel, let difference):
            "OpenBLAS computes wrongly on this CPU (kernel \(kernel), a small product is off by \(difference)): "
                + "set OPENBLAS_CORETYPE=Haswell in the environment, or install a newer OpenBLAS"
        case .noMemory(let bytes):
            "not enough memory (OpenBLAS takes \(bytes >> 20) MiB): give fewer --threads, or a higher limit (ulimit -v)"
        }
    }
}
