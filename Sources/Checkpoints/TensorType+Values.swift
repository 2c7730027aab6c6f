/// Turning stored bytes (little-endian, as every checkpoint format here has them) into numbers.
extension TensorType {
    /// Whether ``floats(_:)`` can give values of this type.
    package var isReadableAsFloat: Bool {
        switch self {
        case .complex64, .float4, .float6E2M3, .float6E3M2: false
        default: true
        }
    }

    /// Whether ``integers(_:)`` can give values of this type.
    package var isInteger: Bool {
        switch self {
        case .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8, .bool: true
        default: false
        }
    }

    /// The values in `bytes`, whose count is a multiple of the element size; exact for every float type of at most
    /// 32 bits, rounded to nearest for the others. nil where ``isReadableAsFloat`` is false.
    package func floats(_ bytes: UnsafeRawBufferPointer) -> [Float]? {
        switch self {
        case .float32: map(bytes, UInt32.self) { Float(bitPattern: $0) }
        case .float64: map(bytes, UInt64.self) { Float(Double(bitPattern: $0)) }
        case .bfloat16: map(bytes, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float16: map(bytes, UInt16.self) { SmallFloat.ieeeHalf.value($0) }
        case .float8E5M2: map(bytes, UInt8.self) { SmallFloat.e5m2.value(UInt16($0)) }
        case .float8E4M3: map(bytes, UInt8.self) { $0 & 0x7F == 0x7F ? .nan : SmallFloat.e4m3.value(UInt16($0)) }
        case .float8E4M3FNUZ: map(bytes, UInt8.self) { $0 == 0x80 ? .nan : SmallFloat.e4m3fnuz.value(UInt16($0)) }
        case .float8E5M2FNUZ: map(bytes, UInt8.self) { $0 == 0x80 ? .nan : SmallFloat.e5m2fnuz.value(UInt16($0)) }
        case .float8E8M0:
            map(bytes, UInt8.self) { $0 == 0xFF ? .nan : Float(sign: .plus, exponent: Int($0) - 127, significand: 1) }
        case .int64: map(bytes, UInt64.self) { Float(Int64(bitPattern: $0)) }
        case .int32: map(bytes, UInt32.self) { Float(Int32(bitPattern: $0)) }
        case .int16: map(bytes, UInt16.self) { Float(Int16(bitPattern: $0)) }
        case .int8: map(bytes, UInt8.self) { Float(Int8(bitPattern: $0)) }
        case .uint64: map(bytes, UInt64.self) { Float($0) }
        case .uint32: map(bytes, UInt32.self) { Float($0) }
        case .uint16: map(bytes, UInt16.self) { Float($0) }
        case .uint8: map(bytes, UInt8.self) { Float($0) }
        case .bool: map(bytes, UInt8.self) { $0 == 0 ? 0 : 1 }
        case .complex64, .float4, .float6E2M3, .float6E3M2: nil
        }
    }

    /// The values in `bytes`, whose count is a multiple of the element size; nil where ``isInteger`` is false, or
    /// where a value is past `Int64`.
    package func integers(_ bytes: UnsafeRawBufferPointer) -> [Int64]? {
        switch self {
        case .int64: return map(bytes, UInt64.self) { Int64(bitPattern: $0) }
        case .int32: return map(bytes, UInt32.self) { Int64(Int32(bitPattern: $0)) }
        case .int16: return map(bytes, UInt16.self) { Int64(Int16(bitPattern: $0)) }
        case .int8: return map(bytes, UInt8.self) { Int64(Int8(bitPattern: $0)) }
        case .uint64:
            let values = map(bytes, UInt64.self) { Int64(bitPattern: $0) }
            return values.allSatisfy { $0 >= 0 } ? values : nil
        case .uint32: return map(bytes, UInt32.self) { Int64($0) }
        case .uint16: return map(bytes, UInt16.self) { Int64($0) }
        case .uint8: return map(bytes, UInt8.self) { Int64($0) }
        case .bool: return map(bytes, UInt8.self) { $0 == 0 ? 0 : 1 }
        default: return nil
        }
    }

    private func map<Word: FixedWidthInteger & BitwiseCopyable, Value>(
        _ bytes: UnsafeRawBufferPointer, _ word: Word.Type, _ value: (Word) -> Value
    ) -> [Value] {
        let size = MemoryLayout<Word>.size
        return (0..<bytes.count / size).map {
            value(Word(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * size, as: Word.self)))
        }
    }
}

/// A float of at most 16 bits: sign, exponent, mantissa. Not `Float16`, which not every platform has.
private struct SmallFloat {
    let exponentBits: Int
    let mantissaBits: Int
    let bias: Int
    /// The highest exponent means infinity and NaN, as in IEEE 754.
    let hasInfinity: Bool

    static let ieeeHalf = SmallFloat(exponentBits: 5, mantissaBits: 10, bias: 15, hasInfinity: true)
    static let e5m2 = SmallFloat(exponentBits: 5, mantissaBits: 2, bias: 15, hasInfinity: true)
    static let e4m3 = SmallFloat(exponentBits: 4, mantissaBits: 3, bias: 7, hasInfinity: false)
    static let e4m3fnuz = SmallFloat(exponentBits: 4, mantissaBits: 3, bias: 8, hasInfinity: false)
    static let e5m2fnuz = SmallFloat(exponentBits: 5, mantissaBits: 2, bias: 16, hasInfinity: false)

    /// The value of the lowest bits of `bits`; exact, since `Float` is wider in exponent and mantissa.
    func value(_ bits: UInt16) -> Float {
        let mantissa = Int(bits) & (1 << mantissaBits - 1)
        let exponent = Int(bits) >> mantissaBits & (1 << exponentBits - 1)
        let isNegative = Int(bits) >> (mantissaBits + exponentBits) & 1 == 1
        if hasInfinity, exponent == 1 << exponentBits - 1 {
            return mantissa != 0 ? .nan : isNegative ? -.infinity : .infinity
        }
        // Below the lowest exponent the leading bit is not there and the scale stays.
        let significand = exponent == 0 ? mantissa : mantissa | 1 << mantissaBits
        let magnitude = Float(
            sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: Float(significand))
        return isNegative ? -magnitude : magnitude
    }
}
