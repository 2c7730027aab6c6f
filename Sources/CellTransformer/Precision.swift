internal import CKernels

/// The numbers that products of matrices are computed from. Sums, softmax, layer norm and the residual stream are f32 in
/// all of them.
package enum Precision: String, Sendable, CaseIterable {
    case f32
    /// bfloat16: the upper half of an f32, 8 significant bits.
    case bf16

    /// Of a number that goes into a product.
    var bytes: Int {
        switch self {
        case .f32: 4
        case .bf16: 2
        }
    }

    /// Whether the kernels in use have it. Where they have not, plain loops compute the same, slowly.
    package var isSupported: Bool {
        switch self {
        case .f32: true
        case .bf16: ek_has_bf16() != 0
        }
    }
}
