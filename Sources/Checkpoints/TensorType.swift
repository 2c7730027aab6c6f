/// Element type of a stored tensor; the raw value is its name in the safetensors format
/// (https://github.com/huggingface/safetensors, `Dtype`).
package enum TensorType: String, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    /// 4 exponent and 3 mantissa bits, no infinity ("FN").
    case float8E4M3 = "F8_E4M3"
    /// 5 exponent and 2 mantissa bits, infinity and NaN as in IEEE 754.
    case float8E5M2 = "F8_E5M2"
    /// As `float8E4M3` with a bias of 8; no infinity, no negative zero, one NaN ("FNUZ").
    case float8E4M3FNUZ = "F8_E4M3FNUZ"
    /// As `float8E5M2` with a bias of 16; no infinity, no negative zero, one NaN ("FNUZ").
    case float8E5M2FNUZ = "F8_E5M2FNUZ"
    /// 8 exponent bits and nothing else: a power of two, for scales.
    case float8E8M0 = "F8_E8M0"
    case float6E2M3 = "F6_E2M3"
    case float6E3M2 = "F6_E3M2"
    case float4 = "F4"
    /// Two 32-bit floats, real and imaginary.
    case complex64 = "C64"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint64 = "U64"
    case uint32 = "U32"
    case uint16 = "U16"
    case uint8 = "U8"
    case bool = "BOOL"

    /// Size of one element in bits; below 8 for the packed types.
    package var bits: Int {
        switch self {
        case .float64, .int64, .uint64, .complex64: 64
        case .float32, .int32, .uint32: 32
        case .float16, .bfloat16, .int16, .uint16: 16
        case .float8E4M3, .float8E5M2, .float8E4M3FNUZ, .float8E5M2FNUZ, .float8E8M0, .int8, .uint8, .bool: 8
        case .float6E2M3, .float6E3M2: 6
        case .float4: 4
        }
    }
}
