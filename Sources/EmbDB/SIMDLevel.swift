internal import CKernels

/// Which of the kernels run: those for the best instructions that the CPU has, unless the environment says otherwise.
enum SIMDLevel {
    /// "scalar", "avx2", "avx512" or "neon".
    static var current: String { String(cString: ek_level_name(ek_current_level())) }

    /// What to tell a user whose environment picks slower kernels than the CPU could run; nil if it does not.
    static var warning: String? {
        let best = ek_best_level()
        guard ek_current_level() != best else { return nil }
        return "EMBDB_SIMD in the environment picks the kernels for \(current), though this CPU can run those for "
            + "\(String(cString: ek_level_name(best))), which are faster: unset it"
    }
}
