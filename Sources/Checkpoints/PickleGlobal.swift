/// The names of Python code that a pickle may mention here, and what they stand for. None of them is ever run.
enum PickleGlobal: Sendable {
    /// `collections.OrderedDict`: becomes a dict.
    case orderedDict
    /// NumPy's scalar constructor: becomes a number.
    case numpyScalar
    /// `numpy.dtype`.
    case numpyType
    /// `_codecs.encode`: how protocols below 3 write bytes.
    case encode
    /// `torch.Size`: becomes a tuple.
    case torchSize
    /// PyTorch's tensor constructors: become descriptions of tensors.
    case rebuildTensor, rebuildTensorWithType, rebuildParameter
    /// A storage class, `torch.FloatStorage`; nil for `UntypedStorage`.
    case torchStorage(TensorType?)
    /// An element type, `torch.float32`.
    case torchType(TensorType)

    /// What `module.name` stands for; nil for everything else.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDict
        case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): self = .numpyScalar
        case ("numpy", "dtype"): self = .numpyType
        case ("_codecs", "encode"): self = .encode
        case ("torch", "Size"): self = .torchSize
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorWithType
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .torchStorage(nil)
        case ("torch", _):
            if let type = Self.storages[name] {
                self = .torchStorage(type)
            } else if let type = Self.types[name] {
                self = .torchType(type)
            } else {
                return nil
            }
        default: return nil
        }
    }

    private static let storages: [String: TensorType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
        "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
        "ByteStorage": .uint8, "BoolStorage": .bool, "ComplexFloatStorage": .complex64,
    ]

    private static let types: [String: TensorType] = [
        "float64": .float64, "float32": .float32, "float16": .float16, "bfloat16": .bfloat16,
        "float8_e4m3fn": .float8E4M3, "float8_e5m2": .float8E5M2, "int64": .int64, "int32": .int32, "int16": .int16,
        "int8": .int8, "uint64": .uint64, "uint32": .uint32, "uint16": .uint16, "uint8": .uint8, "bool": .bool,
        "complex64": .complex64,
    ]
}

/// A NumPy number type, `<f8`.
struct NumpyType: Sendable {
    /// `f` float, `i` signed, `u` unsigned, `b` Boolean.
    let kind: Character
    /// Bytes of one number.
    let size: Int
    var isBigEndian = false

    /// From NumPy's code, such as `f8`; nil for what is no number.
    init?(code: String) {
        guard let kind = code.first, let size = Int(code.dropFirst()) else { return nil }
        switch (kind, size) {
        case ("f", 2), ("f", 4), ("f", 8), ("i", 1), ("i", 2), ("i", 4), ("i", 8), ("u", 1), ("u", 2), ("u", 4),
            ("u", 8), ("b", 1):
            self.kind = kind
            self.size = size
        default: return nil
        }
    }

    /// The number that `bytes` hold; nil if their count is wrong or it is past `Int`.
    func number(_ bytes: [UInt8]) -> Pickle.Value? {
        guard bytes.count == size else { return nil }
        let bits = (isBigEndian ? bytes : bytes.reversed()).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch (kind, size) {
        case ("f", 8): return .float(Double(bitPattern: bits))
        case ("f", 4): return .float(Double(Float(bitPattern: UInt32(bits))))
        case ("b", _): return .bool(bits != 0)
        case ("u", _): return Int(exactly: bits).map { .int($0) }
        case ("i", _):
            let unused = UInt64(64 - 8 * size)
            return .int(Int(Int64(bitPattern: bits << unused) >> Int64(unused)))
        default:
            let value = bits.withLittleEndianBytes(size) { TensorType.float16.floats($0) }
            return value?.first.map { .float(Double($0)) }
        }
    }
}

extension UInt64 {
    fileprivate func withLittleEndianBytes<R>(_ count: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: littleEndian) { body(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
    }
}
