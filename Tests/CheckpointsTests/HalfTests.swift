import Checkpoints
import Testing

@Suite("Numbers of 16 bits")
struct HalfTests {
    private func stored(_ values: [Float]) throws -> SafetensorsFile {
        let tensors = TensorDictionary(file: "made", tensors: ["x": .init(shape: [values.count], values: values)])
        return try SafetensorsFile(bytes: Safetensors.write(tensors, as: .float16), file: "memory")
    }

    @Test("every half is written as itself")
    func all() throws {
        // Read by the other direction, which the tests of types check against bits.
        let tensors = TensorDictionary(file: "made", tensors: ["x": .init(shape: [0], values: [])])
        #expect(try Safetensors.write(tensors, as: .float16).count % 8 == 0)
        let values = (0..<1 << 16).map { bits -> Float in
            let (exponent, mantissa) = (bits >> 10 & 31, bits & 1023)
            let magnitude: Float =
                exponent == 31
                ? (mantissa == 0 ? .infinity : .nan)
                : exponent == 0
                    ? Float(mantissa) * 0x1p-24
                    : Float(sign: .plus, exponent: exponent - 25, significand: Float(1024 + mantissa))
            return bits >> 15 == 1 ? -magnitude : magnitude
        }
        let file = try stored(values)
        #expect(file.type(of: "x") == .float16)
        for (found, value) in zip(try file.floats("x"), values) {
            #expect(found.bitPattern == value.bitPattern || (found.isNaN && value.isNaN), "\(value)")
        }
    }

    @Test("others are rounded to the nearest, ties to even, up to infinity")
    func rounding() throws {
        let cases: [(Float, Float)] = [
            (1 + 0x1p-11, 1), (1 + 0x1.8p-10, 1 + 0x1p-9), (1 + 0x1.002p-11, 1 + 0x1p-10), (0x1p-25, 0),
            (0x1.8p-24, 0x1p-23), (0x1.0002p-25, 0x1p-24), (0x1p-14 - 0x1p-26, 0x1p-14), (65519.996, 65504),
            (65520, .infinity), (-1e30, -.infinity), (0.1, 0.0999755859375), (-0.0, -0.0),
        ]
        let found = try stored(cases.map(\.0)).floats("x")
        for (value, expected) in zip(found, cases) {
            #expect(value.bitPattern == expected.1.bitPattern, "\(expected.0): \(value)")
        }
    }
}
