internal import CellTransformer

/// The numbers that a model's matrix products are computed from. Sums, layer norm and what layers add to one
/// another are f32 in all of them, and so are embeddings in the database.
public enum EmbeddingPrecision: String, Sendable, CaseIterable {
    /// 32 bits.
    case f32
    /// bfloat16, for CPUs with AVX512-BF16 and -VBMI (Zen 4, Sapphire Rapids and later), which multiply such numbers at twice
    /// the rate of f32. Its error on real cells (1 − cos to the f32 embedding): below 2e-5, after centring below 2e-4
    /// (decision 17).
    case bf16

    var ofKernels: Precision {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        }
    }

    /// What runs on this CPU instead, with a warning where that is not the same.
    func supported(warning: (String) -> Void) -> EmbeddingPrecision {
        guard !ofKernels.isSupported else { return self }
        warning(
            "--precision \(rawValue): this CPU has no instructions for it (AVX512-BF16 and -VBMI), "
                + "or EMBDB_SIMD in the environment forbids them: f32 is used")
        return .f32
    }
}
