import Checkpoints
import Foundation
import Testing

@Suite("Element types of safetensors")
struct SafetensorsTypeTests {
    private func file(_ type: TensorType, count: Int, data: [UInt8]) throws -> SafetensorsFile {
        let header =
            #"{"t":{"dtype":"\#(type.rawValue)","shape":[\#(count)],"data_offsets":[0,\#(data.count)]}}"#
        return try SafetensorsFile(bytes: safetensorsBytes(header, data: data), file: "types")
    }

    /// sign · 2^(exponent − bias) · 1.mantissa, straight from the definition.
    private func value(_ bits: Int, exponentBits: Int, mantissaBits: Int, bias: Int) -> Double {
        let sign = bits >> (exponentBits + mantissaBits) & 1 == 1 ? -1.0 : 1.0
        let exponent = bits >> mantissaBits & (1 << exponentBits - 1)
        let fraction = Double(bits & (1 << mantissaBits - 1)) / pow(2, Double(mantissaBits))
        if exponent == 0 { return sign * fraction * pow(2, Double(1 - bias)) }
        return sign * (1 + fraction) * pow(2, Double(exponent - bias))
    }

    @Test("Every half, bfloat16 and 8-bit float has the value of its definition")
    func smallFloats() throws {
        struct Format {
            let type: TensorType
            let exponentBits: Int
            let mantissaBits: Int
            let bias: Int
            let isInfinite: (Int) -> Bool
            let isNaN: (Int) -> Bool
        }
        let formats = [
            Format(
                type: .float16, exponentBits: 5, mantissaBits: 10, bias: 15, isInfinite: { $0 & 0x7FFF == 0x7C00 },
                isNaN: { $0 & 0x7FFF > 0x7C00 }),
            Format(
                type: .bfloat16, exponentBits: 8, mantissaBits: 7, bias: 127, isInfinite: { $0 & 0x7FFF == 0x7F80 },
                isNaN: { $0 & 0x7FFF > 0x7F80 }),
            Format(
                type: .float8E5M2, exponentBits: 5, mantissaBits: 2, bias: 15, isInfinite: { $0 & 0x7F == 0x7C },
                isNaN: { $0 & 0x7F > 0x7C }),
            Format(
                type: .float8E4M3, exponentBits: 4, mantissaBits: 3, bias: 7, isInfinite: { _ in false },
                isNaN: { $0 & 0x7F == 0x7F }),
            Format(
                type: .float8E4M3FNUZ, exponentBits: 4, mantissaBits: 3, bias: 8, isInfinite: { _ in false },
                isNaN: { $0 == 0x80 }),
            Format(
                type: .float8E5M2FNUZ, exponentBits: 5, mantissaBits: 2, bias: 16, isInfinite: { _ in false },
                isNaN: { $0 == 0x80 }),
        ]
        for format in formats {
            let patterns = Array(0..<1 << format.type.bits)
            let data =
                format.type.bits == 16
                ? littleEndianBytes(patterns.map { UInt16($0) }) : patterns.map { UInt8($0) }
            let values = try file(format.type, count: patterns.count, data: data).floats("t")
            let wrong = patterns.filter { bits in
                if format.isNaN(bits) { return !values[bits].isNaN }
                let exact = value(
                    bits, exponentBits: format.exponentBits, mantissaBits: format.mantissaBits, bias: format.bias)
                if format.isInfinite(bits) { return values[bits] != (exact < 0 ? -Float.infinity : .infinity) }
                return Double(values[bits]) != exact || (values[bits].sign == .minus) != (exact.sign == .minus)
            }
            #expect(wrong.isEmpty, "\(format.type): \(wrong.prefix(5))")
        }
        let scales = try file(.float8E8M0, count: 256, data: (0...255).map { UInt8($0) }).floats("t")
        #expect((0..<255).allSatisfy { Double(scales[$0]) == pow(2, Double($0 - 127)) } && scales[255].isNaN)
    }

    @Test("Integers, Booleans and doubles come out as they are")
    func wideTypes() throws {
        let doubles = [0.1, -1e300, Double(Float.pi)]
        let data = littleEndianBytes(doubles.map(\.bitPattern))
        #expect(try file(.float64, count: 3, data: data).floats("t") == [0.1, -.infinity, .pi])
        func check<T: FixedWidthInteger>(_ type: TensorType, _ values: [T]) throws {
            let file = try file(type, count: values.count, data: littleEndianBytes(values))
            #expect(try file.integers("t") == values.map { Int64($0) })
            #expect(try file.floats("t") == values.map { Float($0) })
        }
        try check(.int64, [Int64.min, -1, 0, Int64.max])
        try check(.int32, [Int32.min, -1, 0, Int32.max])
        try check(.int16, [Int16.min, -1, 0, Int16.max])
        try check(.int8, [Int8.min, -1, 0, Int8.max])
        try check(.uint64, [0, UInt64(Int64.max)])
        try check(.uint32, [0, UInt32.max])
        try check(.uint16, [0, UInt16.max])
        try check(.uint8, [0, UInt8.max])
        try check(.bool, [UInt8(0), 1])
    }

    @Test("Every type of the format is opened, whether its values can be read or not")
    func everyTypeOpens() throws {
        for type in TensorType.allCases {
            let data = [UInt8](repeating: 0, count: 4 * type.bits / 8)
            let file = try file(type, count: 4, data: data)
            #expect(file.type(of: "t") == type && file.shape(of: "t") == [4])
            if type.isReadableAsFloat, type != .float8E8M0 {
                #expect(try file.floats("t") == [0, 0, 0, 0])
            }
        }
    }
}
